import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makeDurableDirectory, readText, writeWhole } from '../../world/files.ts'
import { type SimulatedMachine, simulatedWorld } from '../../world/simulated/simulation.ts'
import { DurableDocument } from './durable-document.ts'

type Names = readonly string[]

function openNames(machine: SimulatedMachine): DurableDocument<Names> {
  machine.world.disk.makeDirectory('/data')
  return DurableDocument.open<Names>({
    disk: machine.world.disk,
    path: '/data/names.json',
    what: 'the list of names',
    initial: [],
    parse: (json) => (Array.isArray(json) ? (json as Names) : undefined),
  })
}

function onMachine(body: (machine: SimulatedMachine) => Promise<void>): Promise<void> {
  const { simulation, machine } = simulatedWorld()
  return simulation.run(() => body(machine))
}

const adding =
  (name: string) =>
  (names: Names): Names => [...names, name]

describe('a durable document', () => {
  it('shows a change once it survives a power cut, and not before', () =>
    onMachine(async (machine) => {
      await makeDurableDirectory(machine.world.disk, '/data')
      const names = openNames(machine)
      const first = names.update(adding('a'))
      assert.deepEqual(names.content, [])
      assert.deepEqual(await first, ['a'])
      assert.deepEqual(names.content, ['a'])
      machine.losePower({ unsynced: 'none' })
      assert.deepEqual(openNames(machine).content, ['a'])
    }))

  it('decides changes that come during a write one after the other', () =>
    onMachine(async (machine) => {
      const names = openNames(machine)
      const first = names.update(adding('a'))
      const together = Promise.all([names.update(adding('b')), names.update(adding('c'))])
      await first
      const late = names.update(adding('d'))
      assert.deepEqual((await together).at(-1)?.slice(0, 3), ['a', 'b', 'c'])
      assert.deepEqual(await late, ['a', 'b', 'c', 'd'])
      for (const name of 'efgh') await names.update(adding(name))
      await names.idle()
      assert.equal(openNames(machine).content.join(''), 'abcdefgh')
    }))

  it('refuses what cannot be decided, alone', () =>
    onMachine(async (machine) => {
      const names = openNames(machine)
      const refused = names.update(() => {
        throw new Error('no such name')
      })
      const added = names.update(adding('a'))
      await assert.rejects(refused, /no such name/)
      assert.deepEqual(await added, ['a'])
    }))

  it('costs no write where nothing changes', () =>
    onMachine(async (machine) => {
      const names = openNames(machine)
      assert.deepEqual(await names.update((content) => content), [])
      assert.equal(readText(machine.world.disk, '/data/names.json'), undefined)
    }))

  it('stays as it was when the disk refuses, and takes the next change', () => {
    const { simulation, machine } = simulatedWorld()
    return simulation.run(async () => {
      const names = openNames(machine)
      await names.update(adding('a'))
      machine.disk.conditions.syncFailureChance = 1
      await assert.rejects(names.update(adding('b')), /MR_DISK_IO/)
      assert.deepEqual(names.content, ['a'])
      machine.disk.conditions.syncFailureChance = 0
      assert.deepEqual(await names.update(adding('c')), ['a', 'c'])
    })
  })

  it('is not believed when it is damaged', () =>
    onMachine(async (machine) => {
      openNames(machine)
      for (const text of ['', '{"a"', '{}']) {
        writeWhole(machine.world.disk, '/data/names.json', text)
        assert.throws(() => openNames(machine), /MR_DATA_DIR_DAMAGED.*the list of names cannot be read/)
      }
    }))
})
