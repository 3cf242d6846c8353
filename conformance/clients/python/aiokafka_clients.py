"""Scenarios over aiokafka, with default settings wherever the scenario does not need others.

Usage: aiokafka_clients.py BOOTSTRAP PREFIX
Prints "ok NAME" or "not ok NAME: why" for each scenario.
"""

import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError, ProducerFenced, TopicAlreadyExistsError

BOOTSTRAP, PREFIX = sys.argv[1], sys.argv[2]
PATIENCE_SECONDS = 60


async def create(name, partitions):
    admin = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await admin.start()
    await admin.create_topics([NewTopic(PREFIX + name, partitions, 1)])
    await admin.close()
    return PREFIX + name


def consumer(*topics, **settings):
    defaults = {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    return AIOKafkaConsumer(*topics, bootstrap_servers=BOOTSTRAP, **(defaults | settings))


async def read(reader, count):
    values = []
    while len(values) < count:
        for records in (await reader.getmany(timeout_ms=500)).values():
            values.extend(record.value for record in records)
    assert len(values) == count, f"{len(values)} values of {count}"
    return values


async def admin():
    client = AIOKafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    await client.start()
    topic = PREFIX + "admin"
    await client.create_topics([NewTopic(topic, 2, 1, topic_configs={"retention.ms": "3600000"})])
    again = await client.create_topics([NewTopic(topic, 2, 1)])
    assert again.topic_errors[0][1] == TopicAlreadyExistsError.errno, again
    await client.create_partitions({topic: NewPartitions(4)})
    described = await client.describe_topics([topic])
    assert len(described[0]["partitions"]) == 4, described
    await client.delete_topics([topic])
    assert topic not in await client.list_topics()
    await client.close()


async def produce_consume():
    topic = await create("produce", 2)
    for codec in (None, "gzip"):
        async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, compression_type=codec, enable_idempotence=True) as writer:
            for index in range(200):
                await writer.send(topic, b"%d" % index, key=b"%d" % (index % 7), headers=[("codec", b"%r" % codec)])
            await writer.flush()
    async with consumer(topic) as reader:
        values = await read(reader, 400)
        assert sorted(values) == sorted([b"%d" % index for index in range(200)] * 2)
        ends = await reader.end_offsets([TopicPartition(topic, 0), TopicPartition(topic, 1)])
        assert sum(ends.values()) == 400, ends


class Assignments(ConsumerRebalanceListener):
    def __init__(self):
        self.count = 0

    def on_partitions_revoked(self, revoked):
        pass

    def on_partitions_assigned(self, assigned):
        self.count = len(assigned)


async def group_rebalance():
    topic, group = await create("group", 4), PREFIX + "aio-group"
    first, second, seen = consumer(group_id=group), consumer(group_id=group), [Assignments(), Assignments()]
    await first.start()
    first.subscribe([topic], listener=seen[0])
    await until(lambda: seen[0].count == 4, first)
    await second.start()
    second.subscribe([topic], listener=seen[1])
    await until(lambda: seen[0].count == seen[1].count == 2, first, second)
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP) as writer:
        for index in range(100):
            await writer.send_and_wait(topic, b"%d" % index, partition=index % 4)
    one, other = await asyncio.gather(read(first, 50), read(second, 50))
    assert sorted(one + other) == sorted(b"%d" % index for index in range(100))
    await first.commit()
    await second.commit()
    await second.stop()
    await until(lambda: seen[0].count == 4, first)
    await first.stop()
    async with consumer(topic, group_id=group) as third:
        assert not await third.getmany(timeout_ms=1000), "all was committed"


async def until(condition, *consumers):
    while not condition():
        for each in consumers:
            await each.getmany(timeout_ms=50)


async def transactions():
    source, target, group = await create("source", 1), await create("target", 1), PREFIX + "aio-copy"
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP) as writer:
        for index in range(20):
            await writer.send_and_wait(source, b"%d" % index)
    async with AIOKafkaProducer(bootstrap_servers=BOOTSTRAP, transactional_id=PREFIX + "aio") as writer:
        async with consumer(source, group_id=group) as reader:
            values = await read(reader, 20)
            async with writer.transaction():
                for value in values:
                    await writer.send(target, value)
                await writer.send_offsets_to_transaction({TopicPartition(source, 0): 20}, group)
            try:
                async with writer.transaction():
                    await writer.send_and_wait(target, b"aborted")
                    raise InterruptedError
            except InterruptedError:
                pass
            assert await reader.committed(TopicPartition(source, 0)) == 20
    async with consumer(target, isolation_level="read_committed") as reader:
        assert await read(reader, 20) == [b"%d" % index for index in range(20)]
        assert not await reader.getmany(timeout_ms=500)


async def fencing():
    topic = await create("fencing", 1)
    settings = {"bootstrap_servers": BOOTSTRAP, "transactional_id": PREFIX + "aio-fenced"}
    async with AIOKafkaProducer(**settings) as first:
        await first.begin_transaction()
        await first.send_and_wait(topic, b"of the first")
        async with AIOKafkaProducer(**settings) as second:
            async with second.transaction():
                await second.send_and_wait(topic, b"of the second")
        try:
            await first.commit_transaction()
            raise AssertionError("the first producer is not fenced")
        except ProducerFenced:
            pass
    async with consumer(topic, isolation_level="read_committed") as reader:
        assert await read(reader, 1) == [b"of the second"]


async def main():
    failed = False
    for scenario in (admin, produce_consume, group_rebalance, transactions, fencing):
        name = scenario.__name__.replace("_", "-")
        try:
            await asyncio.wait_for(scenario(), PATIENCE_SECONDS)
            print("ok " + name, flush=True)
        except (Exception, KafkaError) as error:
            failed = True
            print(f"not ok {name}: {type(error).__name__} {error}".replace("\n", " "), flush=True)
    sys.exit(1 if failed else 0)


asyncio.run(main())
