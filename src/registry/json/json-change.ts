/**
 * Changes between two JSON Schemas, named as Confluent's registry names them, and which of them break data that was
 * written under the original schema: those are the incompatible ones.
 */
import type { Incompatibility } from '../parsed-schema.ts'

const TEXTS = {
  TYPE_CHANGED: "The type of a field at path '%' in the new schema does not match with the old schema",
  TYPE_NARROWED: "The type of a field at path '%' in the new schema is narrower than in the old schema",
  SCHEMA_ADDED: "A schema at path '%' was added in the new schema",
  MAX_LENGTH_ADDED: "A maximum length at path '%' was added in the new schema",
  MAX_LENGTH_DECREASED: "The maximum length at path '%' is less in the new schema",
  MIN_LENGTH_ADDED: "A minimum length at path '%' was added in the new schema",
  MIN_LENGTH_INCREASED: "The minimum length at path '%' is greater in the new schema",
  PATTERN_ADDED: "A pattern at path '%' was added in the new schema",
  PATTERN_CHANGED: "The pattern at path '%' is another one in the new schema",
  MAXIMUM_ADDED: "A maximum at path '%' was added in the new schema",
  MAXIMUM_DECREASED: "The maximum at path '%' is less in the new schema",
  MINIMUM_ADDED: "A minimum at path '%' was added in the new schema",
  MINIMUM_INCREASED: "The minimum at path '%' is greater in the new schema",
  EXCLUSIVE_MAXIMUM_ADDED: "An exclusive maximum at path '%' was added in the new schema",
  EXCLUSIVE_MAXIMUM_DECREASED: "The exclusive maximum at path '%' is less in the new schema",
  EXCLUSIVE_MINIMUM_ADDED: "An exclusive minimum at path '%' was added in the new schema",
  EXCLUSIVE_MINIMUM_INCREASED: "The exclusive minimum at path '%' is greater in the new schema",
  MULTIPLE_OF_ADDED: "A multipleOf at path '%' was added in the new schema",
  MULTIPLE_OF_EXPANDED: "The multipleOf at path '%' is a multiple of the old one in the new schema",
  MULTIPLE_OF_CHANGED: "The multipleOf at path '%' is another one in the new schema",
  REQUIRED_ATTRIBUTE_ADDED: "A property at path '%' is required in the new schema but not in the old schema",
  MAX_PROPERTIES_ADDED: "A maximum number of properties at path '%' was added in the new schema",
  MAX_PROPERTIES_DECREASED: "The maximum number of properties at path '%' is less in the new schema",
  MIN_PROPERTIES_ADDED: "A minimum number of properties at path '%' was added in the new schema",
  MIN_PROPERTIES_INCREASED: "The minimum number of properties at path '%' is greater in the new schema",
  ADDITIONAL_PROPERTIES_REMOVED: "Additional properties at path '%' are no longer allowed in the new schema",
  ADDITIONAL_PROPERTIES_NARROWED: "Additional properties at path '%' are narrower in the new schema",
  PATTERN_PROPERTIES_NARROWED: "Properties by pattern at path '%' are narrower in the new schema",
  DEPENDENCY_ARRAY_ADDED: "A dependency between properties at path '%' was added in the new schema",
  DEPENDENCY_ARRAY_EXTENDED: "A dependency between properties at path '%' demands more in the new schema",
  DEPENDENCY_ARRAY_CHANGED: "A dependency between properties at path '%' is another one in the new schema",
  DEPENDENCY_SCHEMA_ADDED: "A dependency at path '%' was added in the new schema",
  PROPERTY_ADDED_TO_OPEN_CONTENT_MODEL:
    "The old schema has an open content model and the new schema has a property at path '%' which is missing in the old schema",
  REQUIRED_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL:
    "The old schema has an unopen content model and the new schema has a required property at path '%' which is missing in the old schema",
  PROPERTY_REMOVED_FROM_CLOSED_CONTENT_MODEL:
    "The new schema has a closed content model and lacks the property at path '%' of the old schema",
  PROPERTY_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL:
    "The property at path '%' of the old schema is not covered by the partially open content model of the new schema",
  PROPERTY_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL:
    "The property at path '%' of the new schema is not covered by the partially open content model of the old schema",
  MAX_ITEMS_ADDED: "A maximum number of items at path '%' was added in the new schema",
  MAX_ITEMS_DECREASED: "The maximum number of items at path '%' is less in the new schema",
  MIN_ITEMS_ADDED: "A minimum number of items at path '%' was added in the new schema",
  MIN_ITEMS_INCREASED: "The minimum number of items at path '%' is greater in the new schema",
  MAX_CONTAINS_ADDED: "A maximum number of contained items at path '%' was added in the new schema",
  MAX_CONTAINS_DECREASED: "The maximum number of contained items at path '%' is less in the new schema",
  MIN_CONTAINS_ADDED: "A minimum number of contained items at path '%' was added in the new schema",
  MIN_CONTAINS_INCREASED: "The minimum number of contained items at path '%' is greater in the new schema",
  UNIQUE_ITEMS_ADDED: "Items at path '%' have to be unique in the new schema",
  ADDITIONAL_ITEMS_REMOVED: "Additional items at path '%' are no longer allowed in the new schema",
  ADDITIONAL_ITEMS_NARROWED: "Additional items at path '%' are narrower in the new schema",
  ITEM_ADDED_TO_OPEN_CONTENT_MODEL:
    "The old schema has an open content model and the new schema has an item at path '%' which is missing in the old schema",
  ITEM_REMOVED_FROM_CLOSED_CONTENT_MODEL:
    "The new schema has a closed content model and lacks the item at path '%' of the old schema",
  ITEM_REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL:
    "The item at path '%' of the old schema is not covered by the partially open content model of the new schema",
  ITEM_ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL:
    "The item at path '%' of the new schema is not covered by the partially open content model of the old schema",
  ENUM_ARRAY_NARROWED: "The enumeration at path '%' has fewer values in the new schema",
  ENUM_ARRAY_CHANGED: "The enumeration at path '%' has other values in the new schema",
  COMBINED_TYPE_CHANGED: "The way in which schemas are combined at path '%' is another one in the new schema",
  PRODUCT_TYPE_EXTENDED: "An allOf at path '%' demands more in the new schema",
  SUM_TYPE_NARROWED: "A oneOf or anyOf at path '%' allows less in the new schema",
  COMBINED_TYPE_SUBSCHEMAS_CHANGED:
    "The combined schemas at path '%' do not match in the new and the old schema",
  NOT_TYPE_EXTENDED: "A not at path '%' excludes more in the new schema",
} as const

export type JsonChange = keyof typeof TEXTS

export function jsonChange(kind: JsonChange, path: string): Incompatibility {
  const description = TEXTS[kind]
    .replace('%', path)
    .replaceAll(/\b(new|old) schema/g, (_, age: string) => `${age === 'new' ? '%reader' : '%writer'} schema`)
  return { kind, path, description }
}
