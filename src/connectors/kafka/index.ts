/** Kafka topics as sources and sinks: `millrace/kafka`. The embedded log and any Kafka cluster are the same here. */
import type { Sink } from '../../stream/connector/sink.ts'
import type { Source } from '../../stream/connector/source.ts'
import type { KafkaOptions } from './kafka-options.ts'
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
export type { KafkaOptions } from './kafka-options.ts'

/**
 * A topic, to read or to write: `flow.source('in', kafka({ topic, value: json(Schema) }))`,
 * `stream.sink('out', kafka({ topic, value: json() }))`.
 */
export function kafka<T>(options: KafkaOptions<T>): Source<T> & Sink<T> {
  return { ...kafkaSource(options), ...kafkaSink(options) }
}
