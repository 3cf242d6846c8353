"""Scenarios over confluent-kafka (librdkafka), with default settings wherever the scenario does not need others.

Usage: confluent_clients.py BOOTSTRAP PREFIX [SCENARIO ...]
Prints "ok NAME" or "not ok NAME: why" for each scenario. CLIENT_SETTINGS, a JSON object in the environment, holds
settings of librdkafka for every client; CLIENT_TOKEN is what OAUTHBEARER shows.
"""

import json
import os
import sys
import time
import traceback

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupType,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, ConfigResource, NewPartitions, NewTopic, OffsetSpec

BOOTSTRAP, PREFIX = sys.argv[1], sys.argv[2]
COMMON = {"bootstrap.servers": BOOTSTRAP} | json.loads(os.environ.get("CLIENT_SETTINGS", "{}"))
if "CLIENT_TOKEN" in os.environ:
    COMMON["oauth_cb"] = lambda _: (os.environ["CLIENT_TOKEN"], time.time() + 3600)


def producer(**settings):
    return Producer(COMMON | {"message.timeout.ms": 20000} | dotted(settings))


def consumer(**settings):
    group = settings.pop("group", PREFIX + "reader")
    defaults = COMMON | {"group.id": group, "auto.offset.reset": "earliest"}
    return Consumer(defaults | {"enable.auto.commit": False} | dotted(settings))


def dotted(settings):
    return {name.replace("_", "."): value for name, value in settings.items()}


def admin():
    return AdminClient(COMMON)


def create(name, partitions):
    client, topic = admin(), PREFIX + name
    client.create_topics([NewTopic(topic, partitions, 1)])[topic].result(20)
    return topic


def read_all(reader, topic, partitions, count):
    reader.assign([TopicPartition(topic, partition, 0) for partition in range(partitions)])
    messages = poll_until(lambda read: len(read) >= count, reader)
    assert len(messages) == count, f"{len(messages)} messages of {count}"
    return messages


def poll_until(condition, *consumers):
    read, deadline = [], time.monotonic() + 20
    while not condition(read):
        assert time.monotonic() < deadline, f"still waiting after 20 s, {len(read)} messages"
        for each in consumers:
            for message in each.consume(500, 0.05):
                if message.error():
                    raise KafkaException(message.error())
                read.append(message)
    return read


def expect(code, action):
    try:
        action()
    except KafkaException as error:
        assert error.args[0].code() == code, f"expected {code}, got {error}"
        return error.args[0]
    raise AssertionError(f"expected error {code}, nothing was raised")


def scenario_admin():
    client, topic = admin(), PREFIX + "admin"
    client.create_topics([NewTopic(topic, 2, 1, config={"retention.ms": "3600000"})])[topic].result(20)
    exists = client.create_topics([NewTopic(topic, 2, 1)])[topic]
    expect(KafkaError.TOPIC_ALREADY_EXISTS, lambda: exists.result(20))
    client.create_partitions([NewPartitions(topic, 3)])[topic].result(20)
    metadata = client.list_topics(timeout=20)
    assert len(metadata.topics[topic].partitions) == 3, "three partitions"
    assert len(metadata.brokers) == 1 and metadata.cluster_id, "one broker and a cluster id"
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
    config = client.describe_configs([resource])[resource].result(20)
    assert config["retention.ms"].value == "3600000", "config as created"
    latest = client.list_offsets({TopicPartition(topic, 0): OffsetSpec.latest()})
    assert latest[TopicPartition(topic, 0)].result(20).offset == 0, "empty"
    client.delete_topics([topic])[topic].result(20)
    assert topic not in client.list_topics(timeout=20).topics, "deleted"


def scenario_produce_consume():
    topic = create("produce-consume", 2)
    delivered = []
    writer = producer()
    for i in range(500):
        writer.produce(
            topic,
            f"value {i}",
            key=f"key {i}",
            partition=i % 2,
            timestamp=1_700_000_000_000 + i,
            headers=[("n", str(i).encode()), ("none", None)],
            on_delivery=lambda error, message: delivered.append(error),
        )
    assert writer.flush(20) == 0 and delivered == [None] * 500, "delivered"
    for message in read_all(consumer(), topic, 2, 500):
        i = message.offset() * 2 + message.partition()
        assert message.value() == f"value {i}".encode() and message.key() == f"key {i}".encode()
        assert message.timestamp()[1] == 1_700_000_000_000 + i, "timestamp"
        assert message.headers() == [("n", str(i).encode()), ("none", None)], "headers"


def scenario_compression():
    topic, value = create("compression", 1), "abcdefgh" * 50
    codecs = ["none", "gzip", "snappy", "lz4", "zstd"]
    for codec in codecs:
        writer = producer(compression_type=codec, linger_ms=50)
        for i in range(200):
            writer.produce(topic, f"{codec} {i} {value}")
        assert writer.flush(20) == 0
    messages = read_all(consumer(), topic, 1, 1000)
    for i, message in enumerate(messages):
        assert message.value() == f"{codecs[i // 200]} {i % 200} {value}".encode(), f"message {i}"


def scenario_idempotence():
    topic = create("idempotence", 1)
    writer = producer(enable_idempotence=True, linger_ms=0)
    for i in range(2000):
        writer.produce(topic, str(i))
    assert writer.flush(20) == 0
    values = [int(message.value()) for message in read_all(consumer(), topic, 1, 2000)]
    assert values == list(range(2000)), "in order, each once"


def scenario_auto_create():
    topic, writer = PREFIX + "auto-created", producer()
    writer.produce(topic, "first")
    assert writer.flush(20) == 0, "delivered to a topic that did not exist"
    assert read_all(consumer(), topic, 1, 1)[0].value() == b"first"


def scenario_group_rebalance():
    rebalance("group", "range")


def scenario_cooperative_rebalance():
    rebalance("cooperative", "cooperative-sticky")


def scenario_consumer_protocol():
    rebalance("consumer-protocol", None)


def rebalance(name, strategy):
    """With a strategy members assign by the classic protocol, without one the broker assigns (KIP-848)."""
    topic, writer = create(name, 4), producer()
    settings = {"group": PREFIX + name, "group_protocol": "consumer"}
    if strategy is not None:
        settings = {
            "group": PREFIX + name,
            "partition_assignment_strategy": strategy,
            "heartbeat_interval_ms": 200,
            "session_timeout_ms": 6000,
        }
    first, second = consumer(**settings), consumer(**settings)
    first.subscribe([topic])
    poll_until(lambda _: len(first.assignment()) == 4, first)
    second.subscribe([topic])
    poll_until(lambda _: len(first.assignment()) == 2 and len(second.assignment()) == 2, first, second)
    for i in range(40):
        writer.produce(topic, str(i), partition=i % 4)
    assert writer.flush(20) == 0
    read = poll_until(lambda messages: len(messages) >= 40, first, second)
    assert sorted(int(message.value()) for message in read) == list(range(40)), "each once"
    first.commit(asynchronous=False)
    second.commit(asynchronous=False)
    second.close()
    poll_until(lambda _: len(first.assignment()) == 4, first)
    committed = first.committed([TopicPartition(topic, partition) for partition in range(4)], 20)
    assert [each.offset for each in committed] == [10, 10, 10, 10], f"committed {committed}"
    first.close()


def scenario_groups_admin():
    topic, group, client = create("groups-admin", 1), PREFIX + "groups-admin", admin()
    member = consumer(group=group)
    member.subscribe([topic])
    poll_until(lambda _: len(member.assignment()) == 1, member)
    member.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    listed = client.list_consumer_groups().result(20).valid
    assert group in [each.group_id for each in listed], "listed"
    described = client.describe_consumer_groups([group])[group].result(20)
    assert described.state == ConsumerGroupState.STABLE and len(described.members) == 1, f"{described.state}"
    member.close()
    client.delete_consumer_groups([group])[group].result(20)
    assert group not in [each.group_id for each in client.list_consumer_groups().result(20).valid], "deleted"


def scenario_consumer_protocol_admin():
    topic, group, client = create("consumer-protocol-admin", 2), PREFIX + "consumer-protocol-admin", admin()
    member = consumer(group=group, group_protocol="consumer", group_remote_assignor="range", group_instance_id="one")
    member.subscribe(["^" + topic + ".*"])
    poll_until(lambda _: len(member.assignment()) == 2, member)
    member.commit(offsets=[TopicPartition(topic, 0, 0)], asynchronous=False)
    listed = client.list_consumer_groups(types={ConsumerGroupType.CONSUMER}).result(20).valid
    assert [each.state for each in listed if each.group_id == group] == [ConsumerGroupState.STABLE], f"listed {listed}"
    described = client.describe_consumer_groups([group])[group].result(20)
    assert described.type == ConsumerGroupType.CONSUMER, f"type {described.type}"
    assert described.partition_assignor == "range", f"assignor {described.partition_assignor}"
    (only,) = described.members
    assert only.group_instance_id == "one", f"instance {only.group_instance_id}"
    assert len(only.target_assignment.topic_partitions) == 2, f"target {only.target_assignment}"
    member.close()


def scenario_transactions():
    topic = create("transactions", 1)
    writer = producer(transactional_id=PREFIX + "transactions")
    writer.init_transactions(20)
    for turn in range(4):
        writer.begin_transaction()
        for i in range(10):
            writer.produce(topic, f"{'commit' if turn % 2 == 0 else 'abort'} {turn} {i}")
        if turn % 2 == 0:
            writer.commit_transaction(20)
        else:
            writer.flush(20)
            writer.abort_transaction(20)
    values = [m.value().decode() for m in read_all(consumer(isolation_level="read_committed"), topic, 1, 20)]
    assert all(value.startswith("commit") for value in values), values
    read_all(consumer(isolation_level="read_uncommitted"), topic, 1, 40)


def scenario_transaction_offsets():
    source, target, group = create("transfer-in", 1), create("transfer-out", 1), PREFIX + "transfer"
    plain = producer()
    for i in range(20):
        plain.produce(source, str(i))
    assert plain.flush(20) == 0
    for turn in range(2):
        writer, reader = producer(transactional_id=PREFIX + "transfer"), consumer(group=group, isolation_level="read_committed")
        writer.init_transactions(20)
        reader.subscribe([source])
        read = poll_until(lambda messages: len(messages) >= 20, reader)
        assert read[0].offset() == 0, f"turn {turn} starts at {read[0].offset()}"
        writer.begin_transaction()
        for message in read:
            writer.produce(target, message.value())
        writer.send_offsets_to_transaction(reader.position(reader.assignment()), reader.consumer_group_metadata(), 20)
        if turn == 0:
            writer.abort_transaction(20)
        else:
            writer.commit_transaction(20)
        reader.close()
    committed = consumer(group=group).committed([TopicPartition(source, 0)], 20)
    assert committed[0].offset == 20, f"committed {committed}"
    read_all(consumer(isolation_level="read_committed"), target, 1, 20)


def scenario_fencing():
    topic = create("fencing", 1)
    old, young = producer(transactional_id=PREFIX + "fencing"), producer(transactional_id=PREFIX + "fencing")
    old.init_transactions(20)
    old.begin_transaction()
    old.produce(topic, "from the old")
    old.flush(20)
    young.init_transactions(20)
    error = None
    try:
        old.commit_transaction(20)
    except KafkaException as raised:
        error = raised.args[0]
    assert error is not None and error.fatal(), f"the old producer is fenced, got {error}"
    young.begin_transaction()
    young.produce(topic, "from the young")
    young.commit_transaction(20)
    values = [m.value() for m in read_all(consumer(isolation_level="read_committed"), topic, 1, 1)]
    assert values == [b"from the young"], values


def main():
    scenarios = {name[9:].replace("_", "-"): body for name, body in globals().items() if name.startswith("scenario_")}
    wanted, failed = sys.argv[3:] or list(scenarios), False
    for name in wanted:
        try:
            scenarios[name]()
            print(f"ok {name}", flush=True)
        except Exception as error:
            failed = True
            line = traceback.extract_tb(error.__traceback__)[-1].lineno
            print(f"not ok {name}: {type(error).__name__} {error} (line {line})".replace("\n", " "), flush=True)
    sys.exit(1 if failed else 0)


main()
