/** How many are worked on side by side where the device is waited for. */
const GROUP = 32

/** Does `work` for all items, a group at a time; the results are in the items' order. */
export async function inGroups<Item, Result>(
  items: readonly Item[],
  work: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = []
  for (let index = 0; index < items.length; index += GROUP)
    results.push(...(await Promise.all(items.slice(index, index + GROUP).map(work))))
  return results
}
