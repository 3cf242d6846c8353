/**
 * Confluent's deserializers of npm, unmodified, reading what a job of Millrace has written.
 *
 * Called with the registry's URL; reads lines `LANGUAGE TOPIC BASE64` and prints each record as JSON.
 */
import { readFileSync } from 'node:fs'
import {
  AvroDeserializer,
  JsonDeserializer,
  ProtobufDeserializer,
  SchemaRegistryClient,
  SerdeType,
} from '@confluentinc/schemaregistry'

const client = new SchemaRegistryClient({ baseURLs: [process.argv[2]] })
const deserializers = {
  avro: new AvroDeserializer(client, SerdeType.VALUE, {}),
  json: new JsonDeserializer(client, SerdeType.VALUE, { validate: true }),
  protobuf: new ProtobufDeserializer(client, SerdeType.VALUE, {}),
}
for (const line of readFileSync(0, 'utf8').trim().split('\n')) {
  const [language, topic, base64] = line.split(' ')
  const { $typeName: _typeName, ...value } = await deserializers[language].deserialize(
    topic,
    Buffer.from(base64, 'base64'),
  )
  console.log(JSON.stringify(value, (_, one) => (typeof one === 'bigint' ? Number(one) : one)))
}
