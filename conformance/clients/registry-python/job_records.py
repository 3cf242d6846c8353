"""confluent-kafka's serializers, unmodified, on both sides of a job of Millrace.

Called with `write` or `read`, the registry's URL and the log's address. `write` sends two orders in each language to
`in-avro`, `in-json` and `in-protobuf`, the second under a newer schema; `read` prints what is in `out-avro`, `out-json` and
`out-protobuf` as JSON, a line a record, with its key.
"""

import json
import sys

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message_factory

WHAT, URL, ADDRESS = sys.argv[1:4]

ORDERS = [
    {"id": 2 ** 40, "cents": -5, "rate": 1.25, "tags": ["a", "ä"], "state": "OPEN"},
    {"id": 7, "cents": 300, "rate": -0.5, "tags": [], "state": "DONE", "note": "new"},
]


def avro_schemas():
    fields = [
        {"name": "id", "type": "long"},
        {"name": "cents", "type": "int"},
        {"name": "rate", "type": "double"},
        {"name": "tags", "type": {"type": "array", "items": "string"}},
        {"name": "state", "type": {"type": "enum", "name": "State", "symbols": ["OPEN", "DONE"]}},
    ]
    note = {"name": "note", "type": ["null", "string"], "default": None}
    for more in ([], [note]):
        yield json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": fields + more})


def json_schemas():
    properties = {
        "id": {"type": "integer"}, "cents": {"type": "integer"}, "rate": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}}, "state": {"enum": ["OPEN", "DONE"]},
    }
    for more in ({}, {"note": {"type": "string"}}):
        yield json.dumps({"$schema": "http://json-schema.org/draft-07/schema#", "title": "Order", "type": "object",
                          "properties": {**properties, **more}, "required": ["id"], "additionalProperties": False})


def order_file(note):
    """`shop.Order` is the second message of its file, so that its place has to be written into the records."""
    file = descriptor_pb2.FileDescriptorProto(name=f"shop/order{'-note' if note else ''}.proto", package="shop", syntax="proto3")
    file.message_type.add(name="Other")
    order = file.message_type.add(name="Order")
    state = order.enum_type.add(name="State")
    for number, name in enumerate(["OPEN", "DONE"]):
        state.value.add(name=name, number=number)
    kinds = [("id", 3), ("cents", 5), ("rate", 1), ("tags", 9), ("state", 14)] + ([("note", 9)] if note else [])
    for number, (name, kind) in enumerate(kinds, 1):
        field = order.field.add(name=name, number=number, label=3 if name == "tags" else 1, type=kind)
        if kind == 14:
            field.type_name = ".shop.Order.State"
    return file


def out_file():
    file = descriptor_pb2.FileDescriptorProto(name="out.proto", package="shop", syntax="proto3")
    paid = file.message_type.add(name="Paid")
    for number, (name, kind) in enumerate([("id", 3), ("total", 1), ("tags", 9), ("source", 9)], 1):
        paid.field.add(name=name, number=number, label=3 if name == "tags" else 1, type=kind)
    return file


def message_class(file, name):
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def client():
    return SchemaRegistryClient({"url": URL})


def value_of(topic):
    return SerializationContext(topic, MessageField.VALUE)


def write():
    producer = Producer({"bootstrap.servers": ADDRESS})
    for order, schema in zip(ORDERS, avro_schemas()):
        producer.produce("in-avro", AvroSerializer(client(), schema)(order, value_of("in-avro")))
    options = {"normalize.schemas": False}
    client().set_compatibility("in-json-value", "NONE")
    for order, schema in zip(ORDERS, json_schemas()):
        producer.produce("in-json", JSONSerializer(schema, client(), conf=options)(order, value_of("in-json")))
    for order in ORDERS:
        Order = message_class(order_file("note" in order), "shop.Order")
        serializer = ProtobufSerializer(Order, client(), {"use.deprecated.format": False})
        message = json_format.ParseDict(order, Order())
        producer.produce("in-protobuf", serializer(message, value_of("in-protobuf")))
    assert producer.flush(20) == 0


def read():
    Paid = message_class(out_file(), "shop.Paid")
    plain = {"use.deprecated.format": False}
    from_protobuf = ProtobufDeserializer(Paid, plain, schema_registry_client=client())
    deserializers = {
        "out-avro": AvroDeserializer(client()),
        "out-json": JSONDeserializer(None, schema_registry_client=client()),
        "out-protobuf": lambda value, context: json_format.MessageToDict(from_protobuf(value, context)),
    }
    key_of = AvroDeserializer(client())
    for topic, deserialize in deserializers.items():
        consumer = Consumer({"bootstrap.servers": ADDRESS, "group.id": topic, "isolation.level": "read_committed"})
        consumer.assign([TopicPartition(topic, 0, 0)])
        for _ in ORDERS:
            message = consumer.poll(20)
            assert message is not None and message.error() is None, "no message"
            value = deserialize(message.value(), value_of(topic))
            key = key_of(message.key(), SerializationContext(topic, MessageField.KEY))
            print(json.dumps({"topic": topic, "key": key, "value": value}))
        consumer.close()


write() if WHAT == "write" else read()
