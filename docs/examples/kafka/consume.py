#!/usr/bin/env python3
"""Stores a topic of meterline's readings in a SQLite file, each reading exactly once.

    pip install confluent-kafka grpcio-tools
    python -m grpc_tools.protoc -I proto --python_out=. meterline/v1/reading.proto
    python consume.py --brokers 127.0.0.1:9092 --topic meterline.readings --database readings.sqlite

The last line needs the first two only for the format protobuf; for json, confluent-kafka suffices.
The offsets are in the same file and transaction as the readings, so the program can be killed
at any time: it continues where the file ends, and no repeat is counted twice. It keeps the
rules of docs/consumers.md.
"""

import argparse
import json
import sqlite3
import uuid

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, TopicPartition

TABLES = """
CREATE TABLE IF NOT EXISTS offsets (part INTEGER PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS readings (
    journal TEXT, sequence INTEGER, idx INTEGER, part INTEGER, decode_revision INTEGER,
    meter TEXT NOT NULL, time_ns INTEGER NOT NULL,
    PRIMARY KEY (journal, sequence, idx, part, decode_revision)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS samples (
    meter TEXT, obis TEXT, ts INTEGER, value REAL NOT NULL,
    journal TEXT NOT NULL, sequence INTEGER NOT NULL, idx INTEGER NOT NULL,
    decode_revision INTEGER NOT NULL, received_ns INTEGER NOT NULL,
    PRIMARY KEY (meter, obis, ts)
) WITHOUT ROWID;
"""

# A repeat replaces the same reading.
READING = "INSERT OR REPLACE INTO readings VALUES (?, ?, ?, ?, ?, ?, ?)"

# Of two readings with the same sample, the one later in the journal is valid.
SAMPLE = """
INSERT INTO samples VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (meter, obis, ts) DO UPDATE SET
    value = excluded.value, journal = excluded.journal, sequence = excluded.sequence, idx = excluded.idx,
    decode_revision = excluded.decode_revision, received_ns = excluded.received_ns
WHERE CASE WHEN excluded.journal = journal
    THEN (excluded.sequence, excluded.decode_revision, excluded.idx) >= (sequence, decode_revision, idx)
    ELSE excluded.received_ns >= received_ns END
"""


def decoder(form, framed):
    """The function that makes a reading of a record's value."""
    if form == "json":
        start = 5 if framed else 0  # a zero byte, and four of the schema's id
        return lambda value: from_json(json.loads(value[start:]))
    from meterline.v1.reading_pb2 import Reading  # made by protoc

    start = 6 if framed else 0  # the same, and a zero byte for the first message of the file
    return lambda value: from_protobuf(Reading.FromString(value[start:]))


def from_json(reading):
    for name in ("time_ns", "received_ns", "sequence"):
        reading[name] = int(reading[name])
    reading["values"] = [(value["obis"], value["value"]) for value in reading["values"]]
    return reading


def from_protobuf(message):
    names = ("time_ns", "received_ns", "sequence", "index", "part", "decode_revision")
    reading = {name: getattr(message, name) for name in names}
    reading["meter"] = str(uuid.UUID(bytes=message.meter))
    reading["journal"] = str(uuid.UUID(bytes=message.journal))
    reading["values"] = [("{}-{}:{}.{}.{}*{}".format(*value.obis), value.value) for value in message.values]
    return reading


def store(database, reading):
    meter, journal, time = reading["meter"], reading["journal"], reading["time_ns"]
    sequence, index, revision = reading["sequence"], reading["index"], reading["decode_revision"]
    database.execute(READING, (journal, sequence, index, reading["part"], revision, meter, time))
    order = (journal, sequence, index, revision, reading["received_ns"])
    database.executemany(SAMPLE, [(meter, obis, time, value) + order for obis, value in reading["values"]])


def assign(consumer, topic, database):
    """Begins each partition where the file ends; returns the partitions."""
    topics = consumer.list_topics(topic, timeout=30).topics
    stored = dict(database.execute("SELECT part, next FROM offsets"))
    parts = sorted(topics[topic].partitions)
    consumer.assign([TopicPartition(topic, part, stored.get(part, OFFSET_BEGINNING)) for part in parts])
    return set(parts)


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--brokers", required=True)
    arguments.add_argument("--topic", default="meterline.readings")
    arguments.add_argument("--database", required=True)
    arguments.add_argument("--format", choices=("protobuf", "json"), default="protobuf")
    arguments.add_argument("--framed", action="store_true", help="the values begin with the id of a schema")
    arguments.add_argument("--until-end", action="store_true", help="stop at the topic's end")
    options = arguments.parse_args()
    decode = decoder(options.format, options.framed)
    database = sqlite3.connect(options.database, isolation_level=None)
    database.executescript(TABLES)
    consumer = Consumer({
        "bootstrap.servers": options.brokers,
        "group.id": "not-used",  # the offsets are in the file
        "enable.auto.commit": False,
        "enable.partition.eof": True,
    })
    open_parts = assign(consumer, options.topic, database)
    while open_parts or not options.until_end:
        messages = consumer.consume(num_messages=1000, timeout=1.0)
        database.execute("BEGIN")
        for message in messages:
            if message.error() is None:
                store(database, decode(message.value()))
                place = (message.partition(), message.offset() + 1)
                database.execute("INSERT OR REPLACE INTO offsets VALUES (?, ?)", place)
            elif message.error().code() == KafkaError._PARTITION_EOF:
                open_parts.discard(message.partition())
            else:
                raise KafkaException(message.error())
        database.execute("COMMIT")
    consumer.close()


if __name__ == "__main__":
    main()
