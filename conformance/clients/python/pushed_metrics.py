"""A producer and a consumer over librdkafka that are at work, and push their metrics, until the program is ended.

Usage: pushed_metrics.py BOOTSTRAP TOPIC
"""

import sys

from confluent_kafka import Consumer, Producer

BOOTSTRAP, TOPIC = sys.argv[1], sys.argv[2]

producer = Producer({"bootstrap.servers": BOOTSTRAP, "client.id": "rd-producer"})
consumer = Consumer(
    {
        "bootstrap.servers": BOOTSTRAP,
        "client.id": "rd-consumer",
        "group.id": "rd-readers",
        "auto.offset.reset": "earliest",
    }
)
consumer.subscribe([TOPIC])
while True:
    producer.produce(TOPIC, b"x")
    producer.poll(0)
    consumer.poll(0.05)
