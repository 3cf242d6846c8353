/**
 * The registry clients of npm with their serializers, unmodified, against a schema registry.
 *
 * Called with the registry's URL and a prefix; prints `ok NAME` or `not ok NAME: why` for each scenario.
 */
import assert from 'node:assert/strict'
import { create, createFileRegistry, fromBinary } from '@bufbuild/protobuf'
import {
  FieldDescriptorProto_Label,
  FieldDescriptorProto_Type,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
} from '@bufbuild/protobuf/wkt'
import {
  AvroDeserializer,
  AvroSerializer,
  JsonDeserializer,
  JsonSerializer,
  ProtobufDeserializer,
  ProtobufSerializer,
  SchemaRegistryClient,
  SerdeType,
} from '@confluentinc/schemaregistry'
import kafkajs from '@kafkajs/confluent-schema-registry'

const [url, prefix] = process.argv.slice(2)
const { SchemaRegistry, SchemaType, COMPATIBILITY } = kafkajs

const confluent = () => new SchemaRegistryClient({ baseURLs: [url] })

const USER_1 = {
  type: 'record',
  name: 'User',
  namespace: 'shop',
  fields: [
    { name: 'name', type: 'string' },
    { name: 'age', type: 'int' },
  ],
}
const USER_2 = {
  ...USER_1,
  fields: [...USER_1.fields, { name: 'email', type: ['null', 'string'], default: null }],
}
const USER_BROKEN = { ...USER_1, fields: [...USER_1.fields, { name: 'born', type: 'string' }] }

const scenarios = {
  async 'confluent-client'() {
    const client = confluent()
    const subject = `${prefix}client-value`
    const avro = (schema) => ({ schemaType: 'AVRO', schema: JSON.stringify(schema) })
    const first = await client.register(subject, avro(USER_1))
    assert.equal(await confluent().register(subject, avro(USER_1)), first)
    const second = await client.register(subject, avro(USER_2))
    assert.ok(second > first)
    assert.deepEqual(await client.getAllVersions(subject), [1, 2])
    const latest = await client.getLatestSchemaMetadata(subject)
    assert.equal(latest.id, second)
    assert.equal(latest.version, 2)
    assert.equal(await client.getId(subject, avro(USER_1)), first)
    assert.equal(await client.getVersion(subject, avro(USER_2)), 2)
    assert.equal(await client.testCompatibility(subject, 2, avro(USER_BROKEN)), false)
    assert.equal(await client.updateCompatibility(subject, 'NONE'), 'NONE')
    assert.equal(await client.getCompatibility(subject), 'NONE')
    assert.equal(await client.testSubjectCompatibility(subject, avro(USER_BROKEN)), true)
    assert.ok((await client.getAllSubjects()).includes(subject))
    assert.deepEqual(await client.deleteSubject(subject), [1, 2])
    assert.deepEqual(await client.deleteSubject(subject, true), [1, 2])
    await assert.rejects(confluent().getAllVersions(subject), { errorCode: 40401 })
  },

  async 'confluent-avro'() {
    const topic = `${prefix}avro`
    const client = confluent()
    await client.register(`${topic}-value`, { schemaType: 'AVRO', schema: JSON.stringify(USER_1) })
    const serializer = new AvroSerializer(client, SerdeType.VALUE, { useLatestVersion: true })
    const bytes = await serializer.serialize(topic, { name: 'Ada', age: 36 })
    assert.equal(bytes[0], 0)
    await confluent().register(`${topic}-value`, { schemaType: 'AVRO', schema: JSON.stringify(USER_2) })
    const newest = new AvroDeserializer(confluent(), SerdeType.VALUE, { useLatestVersion: true })
    const read = await newest.deserialize(topic, bytes)
    assert.equal(read.name, 'Ada')
    await assert.rejects(
      confluent().register(`${topic}-value`, { schemaType: 'AVRO', schema: JSON.stringify(USER_BROKEN) }),
      { errorCode: 409 },
    )
  },

  async 'confluent-json'() {
    const topic = `${prefix}json`
    const schema = JSON.stringify({ type: 'object', properties: { celsius: { type: 'number' } } })
    const client = confluent()
    await client.register(`${topic}-value`, { schemaType: 'JSON', schema })
    const bytes = await new JsonSerializer(client, SerdeType.VALUE, {
      useLatestVersion: true,
      validate: true,
    }).serialize(topic, { celsius: 21.5 })
    const reader = new JsonDeserializer(confluent(), SerdeType.VALUE, { validate: true })
    assert.deepEqual(await reader.deserialize(topic, bytes), { celsius: 21.5 })
  },

  async 'confluent-protobuf'() {
    const topic = `${prefix}protobuf`
    const file = create(FileDescriptorProtoSchema, {
      name: 'shop/user.proto',
      package: 'shop',
      syntax: 'proto3',
      messageType: [
        {
          name: 'User',
          field: [
            field('name', { number: 1, type: FieldDescriptorProto_Type.STRING }),
            field('scores', {
              number: 2,
              type: FieldDescriptorProto_Type.INT32,
              label: FieldDescriptorProto_Label.REPEATED,
            }),
          ],
        },
      ],
    })
    const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }))
    const User = registry.getMessage('shop.User')
    const serializer = new ProtobufSerializer(confluent(), SerdeType.VALUE, {
      registry,
      autoRegisterSchemas: true,
    })
    const bytes = await serializer.serialize(topic, create(User, { name: 'Ada', scores: [1, 2] }))
    const read = await new ProtobufDeserializer(confluent(), SerdeType.VALUE, {}).deserialize(topic, bytes)
    assert.equal(read.name, 'Ada')
    assert.deepEqual(read.scores, [1, 2])
    const { schema } = await confluent().getLatestSchemaMetadata(`${topic}-value`)
    assert.match(schema, /repeated int32 scores = 2/)
    const described = await confluent().getLatestSchemaMetadata(`${topic}-value`, 'serialized')
    const again = fromBinary(FileDescriptorProtoSchema, Buffer.from(described.schema, 'base64'))
    assert.equal(again.messageType[0].field[1].name, 'scores')
  },

  async 'confluent-guid'() {
    const client = confluent()
    const schema = JSON.stringify({ type: 'enum', name: 'Colour', symbols: ['RED'] })
    const stored = await client.registerFullResponse(`${prefix}guid-value`, { schemaType: 'AVRO', schema })
    assert.ok(stored.guid)
    assert.equal((await confluent().getByGuid(stored.guid)).schema, schema)
  },

  async 'kafkajs-avro'() {
    const registry = new SchemaRegistry({ host: url })
    const { id } = await registry.register(
      { type: SchemaType.AVRO, schema: JSON.stringify(USER_1) },
      { subject: `${prefix}kafkajs-avro-value`, compatibility: COMPATIBILITY.BACKWARD },
    )
    const bytes = await registry.encode(id, { name: 'Ada', age: 36 })
    assert.deepEqual({ ...(await new SchemaRegistry({ host: url }).decode(bytes)) }, { name: 'Ada', age: 36 })
    await assert.rejects(
      registry.register(
        { type: SchemaType.AVRO, schema: JSON.stringify(USER_BROKEN) },
        { subject: `${prefix}kafkajs-avro-value`, compatibility: COMPATIBILITY.BACKWARD },
      ),
      /incompatible/,
    )
    assert.equal(await registry.getLatestSchemaId(`${prefix}kafkajs-avro-value`), id)
    assert.equal(await registry.getRegistryId(`${prefix}kafkajs-avro-value`, 1), id)
  },

  async 'kafkajs-json'() {
    const registry = new SchemaRegistry({ host: url })
    const schema = JSON.stringify({ type: 'object', properties: { n: { type: 'integer' } } })
    const { id } = await registry.register(
      { type: SchemaType.JSON, schema },
      { subject: `${prefix}kafkajs-json-value` },
    )
    const bytes = await registry.encode(id, { n: 1 })
    assert.deepEqual(await new SchemaRegistry({ host: url }).decode(bytes), { n: 1 })
  },

  async 'kafkajs-protobuf'() {
    const registry = new SchemaRegistry({ host: url })
    const shared = 'syntax = "proto3"; package shop; message Address { string city = 1; }'
    await registry.register(
      { type: SchemaType.PROTOBUF, schema: shared },
      { subject: `${prefix}address.proto` },
    )
    const schema = `syntax = "proto3"; package shop; import "${prefix}address.proto"; message Order { Address to = 1; }`
    const references = [{ name: `${prefix}address.proto`, subject: `${prefix}address.proto`, version: 1 }]
    const { id } = await registry.register(
      { type: SchemaType.PROTOBUF, schema, references },
      { subject: `${prefix}kafkajs-protobuf-value` },
    )
    const bytes = await registry.encode(id, { to: { city: 'Ulm' } })
    const read = await new SchemaRegistry({ host: url }).decode(bytes)
    assert.equal(read.to.city, 'Ulm')
  },
}

function field(name, { number, type, label = FieldDescriptorProto_Label.OPTIONAL }) {
  return { name, number, type, label, jsonName: name }
}

for (const [name, scenario] of Object.entries(scenarios)) {
  try {
    await scenario()
    console.log(`ok ${name}`)
  } catch (error) {
    console.error(error)
    console.log(`not ok ${name}: ${String(error).replaceAll('\n', ' ')}`)
  }
}
process.exit(0)
