"""confluent-kafka's registry client and serializers, unmodified, against a schema registry and a log.

Called with the registry's URL, the log's address and a prefix; prints `ok NAME` or `not ok NAME: why` for each scenario.
"""

import json
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor

from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.error import SchemaRegistryError
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, timestamp_pb2

URL, ADDRESS, PREFIX = sys.argv[1:4]

USER_1 = json.dumps({"type": "record", "name": "User", "namespace": "shop", "fields": [
    {"name": "name", "type": "string"},
    {"name": "age", "type": "int"}]})
USER_2 = json.dumps({"type": "record", "name": "User", "namespace": "shop", "fields": [
    {"name": "name", "type": "string"},
    {"name": "age", "type": "long"},
    {"name": "email", "type": ["null", "string"], "default": None}]})
USER_BROKEN = json.dumps({"type": "record", "name": "User", "namespace": "shop", "fields": [
    {"name": "name", "type": "string"},
    {"name": "age", "type": "int"},
    {"name": "born", "type": "string"}]})


def client():
    return SchemaRegistryClient({"url": URL})


def refused(code, call):
    try:
        call()
    except SchemaRegistryError as error:
        assert error.error_code == code, f"{error.error_code} instead of {code}: {error}"
        return str(error)
    raise AssertionError(f"was not refused with {code}")


def through_the_log(topic, value):
    """Sends a value and reads it back: bytes are bytes, whatever they mean."""
    producer = Producer({"bootstrap.servers": ADDRESS})
    producer.produce(topic, value=value, partition=0)
    assert producer.flush(20) == 0
    consumer = Consumer({"bootstrap.servers": ADDRESS, "group.id": PREFIX + topic, "auto.offset.reset": "earliest"})
    consumer.assign([TopicPartition(topic, 0, 0)])
    values = []
    while True:
        message = consumer.poll(20)
        assert message is not None and message.error() is None, "no message"
        values.append(message.value())
        if values[-1] == value:
            break
    consumer.close()
    return values[-1]


def subjects():
    sr = client()
    subject = PREFIX + "subjects/with a slash-value"
    first = sr.register_schema(subject, Schema(USER_1, "AVRO"))
    assert sr.register_schema(subject, Schema(USER_1, "AVRO")) == first
    assert sr.register_schema(PREFIX + "other-value", Schema(USER_1, "AVRO")) == first, "one schema, one id"
    second = sr.register_schema(subject, Schema(USER_2, "AVRO"))
    assert second > first
    assert sr.get_versions(subject) == [1, 2]
    latest = client().get_latest_version(subject)
    assert (latest.schema_id, latest.version, latest.subject) == (second, 2, subject)
    assert json.loads(latest.schema.schema_str) == json.loads(USER_2)
    assert client().get_version(subject, 1).schema_id == first
    assert client().get_schema(first).schema_type == "AVRO"
    found = client().lookup_schema(subject, Schema(USER_1.replace('": ', '" :  '), "AVRO"))
    assert (found.schema_id, found.version) == (first, 1), "white space does not matter"
    assert subject in client().get_subjects()
    assert client().get_subjects_by_schema_id(first) == sorted([PREFIX + "other-value", subject])
    assert {(one.subject, one.version) for one in client().get_schema_versions(second)} == {(subject, 2)}


def errors():
    sr = client()
    subject = PREFIX + "errors-value"
    refused(40401, lambda: sr.get_versions(subject))
    refused(40401, lambda: sr.get_latest_version(subject))
    refused(40403, lambda: sr.get_schema(999_999_999))
    refused(42201, lambda: sr.register_schema(subject, Schema('{"type": "record"}', "AVRO")))
    refused(42201, lambda: sr.register_schema(subject, Schema('{"type": "nothing"}', "AVRO")))
    sr.register_schema(subject, Schema(USER_1, "AVRO"))
    refused(40402, lambda: sr.get_version(subject, 7))
    refused(42202, lambda: sr.get_version(subject, 0))
    refused(40403, lambda: sr.lookup_schema(subject, Schema('"string"', "AVRO")))
    refused(42203, lambda: sr.set_compatibility(subject, "SIDEWARD"))
    refused(40408, lambda: sr.get_compatibility(subject))


def compatibility():
    sr = client()
    subject = PREFIX + "compatibility-value"
    sr.register_schema(subject, Schema(USER_1, "AVRO"))
    said = refused(409, lambda: sr.register_schema(subject, Schema(USER_BROKEN, "AVRO")))
    assert "READER_FIELD_MISSING_DEFAULT_VALUE" in said, said
    assert not sr.test_compatibility(subject, Schema(USER_BROKEN, "AVRO"))
    assert sr.test_compatibility(subject, Schema(USER_2, "AVRO"))
    assert sr.set_compatibility(subject, "FORWARD")["compatibility"] == "FORWARD"
    assert sr.get_compatibility(subject) == "FORWARD"
    assert sr.test_compatibility(subject, Schema(USER_BROKEN, "AVRO"))
    assert not sr.test_compatibility(subject, Schema(USER_2, "AVRO")), "a long is no int"
    sr.set_compatibility(subject, "NONE")
    sr.register_schema(subject, Schema('"string"', "AVRO"))
    assert sr.get_versions(subject) == [1, 2]


def deletion():
    sr = client()
    subject = PREFIX + "deletion-value"
    first = sr.register_schema(subject, Schema(USER_1, "AVRO"))
    sr.register_schema(subject, Schema(USER_2, "AVRO"))
    refused(40407, lambda: sr.delete_version(subject, 1, permanent=True))
    assert sr.delete_version(subject, 1) == 1
    assert client().get_versions(subject) == [2]
    assert client().get_schema(first).schema_str is not None, "deleted schemas can be read by id"
    assert client().delete_subject(subject) == [2]
    refused(40401, lambda: client().get_versions(subject))
    assert client().delete_subject(subject, permanent=True) == [1, 2]
    assert subject not in client().get_subjects()


def avro():
    sr = client()
    topic = PREFIX + "avro"
    context = SerializationContext(topic, MessageField.VALUE)
    write = AvroSerializer(sr, USER_1)
    value = write({"name": "Ada", "age": 36}, context)
    assert value[0] == 0
    assert int.from_bytes(value[1:5], "big") == client().get_latest_version(topic + "-value").schema_id
    read = AvroDeserializer(client(), USER_2)
    assert read(through_the_log(topic, value), context) == {"name": "Ada", "age": 36, "email": None}
    newer = AvroSerializer(client(), USER_2)({"name": "Bob", "age": 2**40, "email": "b@example"}, context)
    assert AvroDeserializer(client())(through_the_log(topic, newer), context)["age"] == 2**40
    refused(409, lambda: AvroSerializer(client(), USER_BROKEN)({"name": "C", "age": 1, "born": "x"}, context))


def avro_references():
    sr = client()
    address = json.dumps({"type": "record", "name": "Address", "namespace": "shop", "fields": [
        {"name": "city", "type": "string"}]})
    order = json.dumps({"type": "record", "name": "Order", "namespace": "shop", "fields": [
        {"name": "to", "type": "shop.Address"}]})
    subject = PREFIX + "shop.Address"
    sr.register_schema(subject, Schema(address, "AVRO"))
    reference = SchemaReference("shop.Address", subject, 1)
    refused(42201, lambda: sr.register_schema(PREFIX + "orders-value", Schema(order, "AVRO")))
    context = SerializationContext(PREFIX + "orders", MessageField.VALUE)
    value = AvroSerializer(sr, Schema(order, "AVRO", [reference]))({"to": {"city": "Ulm"}}, context)
    assert AvroDeserializer(client())(value, context) == {"to": {"city": "Ulm"}}
    assert client().get_referenced_by(subject, 1) if hasattr(sr, "get_referenced_by") else True
    refused(42206, lambda: sr.delete_subject(subject))


def json_schema():
    sr = client()
    topic = PREFIX + "json"
    context = SerializationContext(topic, MessageField.VALUE)
    first = {"$schema": "http://json-schema.org/draft-07/schema#", "title": "Reading", "type": "object",
             "properties": {"celsius": {"type": "integer"}}, "required": ["celsius"], "additionalProperties": False}
    second = {**first, "properties": {"celsius": {"type": "number"}, "at": {"type": "string"}}}
    third = {**first, "properties": {"celsius": {"type": "string"}}}
    value = JSONSerializer(json.dumps(first), sr)({"celsius": 21}, context)
    assert JSONDeserializer(json.dumps(first))(through_the_log(topic, value), context) == {"celsius": 21}
    newer = JSONSerializer(json.dumps(second), client())({"celsius": 21.5, "at": "noon"}, context)
    assert JSONDeserializer(None, schema_registry_client=client())(newer, context) == {"celsius": 21.5, "at": "noon"}
    said = refused(409, lambda: JSONSerializer(json.dumps(third), client())({"celsius": "x"}, context))
    assert "TYPE_CHANGED" in said, said
    assert client().get_versions(topic + "-value") == [1, 2]


def json_references():
    sr = client()
    part = {"$id": "https://example.com/part.json", "type": "object", "properties": {"size": {"type": "integer"}}}
    whole = {"$id": "https://example.com/whole.json", "type": "object",
             "properties": {"part": {"$ref": "https://example.com/part.json"}}}
    sr.register_schema(PREFIX + "part", Schema(json.dumps(part), "JSON"))
    schema = Schema(json.dumps(whole), "JSON", [SchemaReference("https://example.com/part.json", PREFIX + "part", 1)])
    context = SerializationContext(PREFIX + "whole", MessageField.VALUE)
    value = JSONSerializer(schema, sr)({"part": {"size": 3}}, context)
    read = JSONDeserializer(None, schema_registry_client=client())
    assert read(value, context) == {"part": {"size": 3}}


def messages(*files):
    """Message classes of files that are made here, as a compiler would make them."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(timestamp_pb2.DESCRIPTOR.serialized_pb)
    for file in files:
        pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


def proto_file(name, *, package, message, fields, dependencies=()):
    file = descriptor_pb2.FileDescriptorProto(name=name, package=package, syntax="proto3", dependency=dependencies)
    type_ = file.message_type.add(name=message)
    for number, (field, kind) in enumerate(fields, 1):
        added = type_.field.add(name=field, number=number, label=1)
        if isinstance(kind, str):
            added.type, added.type_name = 11, kind
        else:
            added.type = kind
    return file


def protobuf():
    topic = PREFIX + "protobuf"
    context = SerializationContext(topic, MessageField.VALUE)
    text, int32 = 9, 5
    first = messages(proto_file("shop/user.proto", package="shop", message="User", fields=[("name", text), ("age", int32)]))
    User = first("shop.User")
    options = {"use.deprecated.format": False}
    value = ProtobufSerializer(User, client(), options)(User(name="Ada", age=36), context)
    back = ProtobufDeserializer(User, options, schema_registry_client=client())(through_the_log(topic, value), context)
    assert (back.name, back.age) == ("Ada", 36)
    stored = client().get_latest_version(topic + "-value")
    assert stored.schema.schema_type == "PROTOBUF"
    assert "message User {" in stored.schema.schema_str, stored.schema.schema_str
    more = messages(proto_file("shop/user.proto", package="shop", message="User",
                               fields=[("name", text), ("age", int32), ("email", text)]))("shop.User")
    ProtobufSerializer(more, client(), options)(more(name="Bob", age=1, email="b@example"), context)
    broken = messages(proto_file("shop/user.proto", package="shop", message="User",
                                 fields=[("name", text), ("age", text)]))("shop.User")
    said = refused(409, lambda: ProtobufSerializer(broken, client(), options)(broken(name="C"), context))
    assert "FIELD_SCALAR_KIND_CHANGED" in said, said
    assert client().get_versions(topic + "-value") == [1, 2]


def protobuf_references():
    topic = PREFIX + "protobuf-references"
    context = SerializationContext(topic, MessageField.VALUE)
    address = proto_file(PREFIX + "address.proto", package="shop", message="Address", fields=[("city", 9)])
    order = proto_file(PREFIX + "order.proto", package="shop", message="Order",
                       fields=[("to", ".shop.Address"), ("at", ".google.protobuf.Timestamp")],
                       dependencies=[address.name, "google/protobuf/timestamp.proto"])
    find = messages(address, order)
    Order = find("shop.Order")
    options = {"use.deprecated.format": False}
    message = Order()
    message.to.city = "Ulm"
    message.at.seconds = 7
    value = ProtobufSerializer(Order, client(), options)(message, context)
    back = ProtobufDeserializer(Order, options, schema_registry_client=client())(value, context)
    assert (back.to.city, back.at.seconds) == ("Ulm", 7)
    assert address.name in client().get_subjects(), "imports are registered under their names"
    stored = client().get_latest_version(topic + "-value")
    assert address.name in [reference.name for reference in stored.schema.references]
    # The described file can be read by the library that describes files.
    import base64
    described = client().get_version(topic + "-value", stored.version, fmt="serialized").schema.schema_str
    file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(described))
    assert [type_.name for type_ in file.message_type] == ["Order"]
    assert file.message_type[0].field[0].type_name == ".shop.Address"


def concurrent_registration():
    schema = Schema(json.dumps({"type": "enum", "name": PREFIX.replace("-", "_") + "E", "symbols": ["A"]}), "AVRO")
    with ThreadPoolExecutor(8) as pool:
        calls = [pool.submit(lambda i=i: client().register_schema(f"{PREFIX}concurrent-{i % 3}", schema)) for i in range(24)]
        ids = {call.result() for call in calls}
    assert len(ids) == 1, ids
    for i in range(3):
        assert client().get_versions(f"{PREFIX}concurrent-{i}") == [1]


def contexts():
    sr = client()
    subject = f":.{PREFIX}staging:users-value"
    schema = Schema(json.dumps({"type": "fixed", "name": PREFIX.replace("-", "_") + "F", "size": 3}), "AVRO")
    assert sr.register_schema(subject, schema) == 1, "a context has ids of its own"
    assert client().get_latest_version(subject).subject == subject
    assert json.loads(client().get_schema(1, subject).schema_str)["type"] == "fixed"


SCENARIOS = {
    "subjects": subjects,
    "errors": errors,
    "compatibility": compatibility,
    "deletion": deletion,
    "avro": avro,
    "avro-references": avro_references,
    "json-schema": json_schema,
    "json-references": json_references,
    "protobuf": protobuf,
    "protobuf-references": protobuf_references,
    "concurrent-registration": concurrent_registration,
    "contexts": contexts,
}

for name, scenario in SCENARIOS.items():
    try:
        scenario()
        print(f"ok {name}", flush=True)
    except Exception as error:
        traceback.print_exc()
        why = f"{type(error).__name__} {error}".replace("\n", " ")
        print(f"not ok {name}: {why}", flush=True)
