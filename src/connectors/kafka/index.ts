/** Kafka topics as sources and sinks: `millrace/kafka`. The embedded log and any Kafka cluster are the same here. */
import type { Sink } from '../../stream/connector/sink.ts'
import type { Source } from '../../stream/connector/source.ts'
import type { KafkaOptions, KeyedKafkaOptions } from './kafka-options.ts'
import { kafkaSink } from './kafka-sink.ts'
import { kafkaSource } from './kafka-source.ts'

export { bytes, json, string, type Format } from '../../stream/connector/format.ts'
export {
  jsonFields,
  type FieldKind,
  type FieldKinds,
  type FieldsOf,
} from '../../stream/connector/json-fields.ts'
export type { ErrorPolicy } from '../../stream/connector/source.ts'
export type { ClientCredentials, ClientSecurity, ClientTls, SaslOptions } from '../../log/client/security.ts'
export type { KafkaOptions, KeyedKafkaOptions } from './kafka-options.ts'
export {
  avro,
  jsonSchema,
  protobuf,
  type AvroOptions,
  type JsonSchemaOptions,
  type ProtobufOptions,
} from './schemas/registry-formats.ts'
export type {
  CheckedBy,
  RegistryFormatOptions,
  SchemaReferenceOptions,
  SchemaRegistryOptions,
  SubjectNaming,
  SubjectOf,
} from './schemas/registry-options.ts'
export type { FormatContext, OpenFormat, RegistryFormat } from './schemas/record-format.ts'

/**
 * A topic, to read or to write: `flow.source('in', kafka({ topic, value: json(Schema) }))`,
 * `stream.sink('out', kafka({ topic, value: json() }))`.
 */
export function kafka<T, K = string | Uint8Array>(options: KafkaOptions<T, K>): Source<T> & Sink<T> {
  return { ...kafkaSource<T>(options), ...kafkaSink<T>(options) }
}

/**
 * A topic to read, of which keys matter too:
 * `keyedKafka({ topic, keyFormat: string(), value: json(Schema), event: (value, key) => ({ ...value, key }) })`.
 */
export function keyedKafka<V, K, T>(options: KeyedKafkaOptions<V, K, T>): Source<T> {
  return kafkaSource<T>(options)
}
