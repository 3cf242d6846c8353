"""Scenarios over kafka-python, with default settings wherever the scenario does not need others.

Usage: kafka_python_clients.py BOOTSTRAP PREFIX
Prints "ok NAME" or "not ok NAME: why" for each scenario.
"""

import sys
import time

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import TopicAlreadyExistsError
from kafka.structs import OffsetAndMetadata

BOOTSTRAP, PREFIX = sys.argv[1], sys.argv[2]
PATIENCE_SECONDS = 60


def create(name, partitions):
    client = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    client.create_topics([NewTopic(PREFIX + name, partitions, 1)])
    client.close()
    return PREFIX + name


def consumer(*topics, **settings):
    defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    return KafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, **(defaults | settings))


def read(count, *readers):
    values, deadline = [], time.monotonic() + PATIENCE_SECONDS
    while len(values) < count:
        assert time.monotonic() < deadline, f"{len(values)} values of {count}"
        for reader in readers:
            for records in reader.poll(100).values():
                values.extend(record.value for record in records)
    assert len(values) == count, f"{len(values)} values of {count}"
    return values


def admin():
    topic = create("admin", 2)
    try:
        create("admin", 2)
        raise AssertionError("a topic was made twice")
    except TopicAlreadyExistsError:
        pass
    client = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    assert topic in client.list_topics()
    client.create_partitions({topic: 4})
    described = client.describe_topics([topic])
    assert len(described[0]["partitions"]) == 4, described
    client.delete_topics([topic])
    client.close()


def produce_consume():
    topic = create("produce", 1)
    for codec in (None, "gzip"):
        writer = KafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec)
        for index in range(200):
            writer.send(topic, b"%d" % index, key=b"key", headers=[("codec", b"%r" % codec)])
        writer.flush()
        writer.close()
    reader = consumer(topic)
    assert read(400, reader) == [b"%d" % (index % 200) for index in range(400)]
    partition = TopicPartition(topic, 0)
    assert reader.end_offsets([partition])[partition] == 400
    reader.seek(partition, 390)
    assert read(10, reader)[0] == b"190"
    reader.close()


def group_rebalance():
    topic, group = create("group", 4), PREFIX + "kafka-python"
    first = consumer(topic, group_id=group)
    until(lambda: len(first.assignment()) == 4, first)
    second = consumer(topic, group_id=group)
    until(lambda: len(first.assignment()) == len(second.assignment()) == 2, first, second)
    writer = KafkaProducer(bootstrap_servers=BOOTSTRAP)
    for index in range(100):
        writer.send(topic, b"%d" % index, partition=index % 4)
    writer.close()
    assert sorted(read(100, first, second)) == sorted(b"%d" % index for index in range(100))
    first.commit()
    second.commit()
    second.close()
    until(lambda: len(first.assignment()) == 4, first)
    assert sum(first.committed(partition) for partition in first.assignment()) == 100
    first.close()


def until(condition, *consumers):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not come"
        for each in consumers:
            each.poll(20)


def transactions():
    topic, group = create("transactions", 1), PREFIX + "kafka-python-copy"
    writer = KafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=PREFIX + "kafka-python")
    writer.init_transactions()
    for turn in range(4):
        writer.begin_transaction()
        for index in range(10):
            writer.send(topic, b"%d %d" % (turn, index))
        if turn % 2 == 1:
            writer.flush()
            writer.abort_transaction()
            continue
        offsets = {TopicPartition(topic, 0): OffsetAndMetadata(turn + 5, "", -1)}
        writer.send_offsets_to_transaction(offsets, group)
        writer.commit_transaction()
    writer.close()
    reader = consumer(topic, group_id=group, isolation_level="read_committed", enable_auto_commit=False)
    assert reader.committed(TopicPartition(topic, 0)) == 7
    reader.close()
    reader = consumer(topic, isolation_level="read_committed")
    expected = [b"%d %d" % (turn, index) for turn in (0, 2) for index in range(10)]
    assert read(20, reader) == expected
    assert not reader.poll(500)
    reader.close()


failed = False
for scenario in (admin, produce_consume, group_rebalance, transactions):
    name = scenario.__name__.replace("_", "-")
    try:
        scenario()
        print("ok " + name, flush=True)
    except Exception as error:
        failed = True
        print(f"not ok {name}: {type(error).__name__} {error}".replace("\n", " "), flush=True)
sys.exit(1 if failed else 0)
