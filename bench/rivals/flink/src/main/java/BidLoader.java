import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Properties;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.locks.LockSupport;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.PartitionInfo;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * The outside of the Kafka job, the same for every engine.
 *   BidLoader load BOOTSTRAP IN RECORDS AUCTIONS EVENTS_PER_MS    writes the bids, as fast as it can, in turn to four partitions
 *   BidLoader prime BOOTSTRAP IN OUT                              writes a few early bids and waits until a result of theirs is
 *                                                                 visible: then the engine has started
 *   BidLoader latency BOOTSTRAP IN OUT RATE SECONDS WARM_UP_S     writes at a steady rate, reads the results read_committed
 *   BidLoader check BOOTSTRAP OUT                                 reads all results read_committed and prints their checksum
 *
 * Latency: event time runs a hundred times as fast as the clock, so that a window of ten seconds closes every 100 ms. A
 * result's latency is the time from when the last bid that its window had to wait for was due to be sent (not when it
 * was sent, so a stall is not forgiven) to when a read_committed consumer has the result. How far this program itself fell
 * behind its schedule is said too: where that is much, the machine was too busy to measure anything.
 */
public final class BidLoader {
  private static final int PARTITIONS = 4;
  private static final int LATENCY_AUCTIONS = 500;
  private static final int SPEED = 100;

  public static void main(String[] args) throws Exception {
    switch (args[0]) {
      case "load" -> load(args[1], args[2], Integer.parseInt(args[3]), Integer.parseInt(args[4]), Integer.parseInt(args[5]));
      case "prime" -> prime(args[1], args[2], args[3]);
      case "latency" -> latency(args[1], args[2], args[3], Integer.parseInt(args[4]), Integer.parseInt(args[5]), Integer.parseInt(args[6]));
      case "check" -> check(args[1], args[2]);
      default -> throw new IllegalArgumentException(args[0]);
    }
  }

  private static void load(String bootstrap, String in, int records, int auctions, int eventsPerMs) {
    try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, 131_072, 10)) {
      Bid bid = new Bid();
      for (int i = 0; i < records; i++) {
        Bids.fill(bid, i, auctions, Bids.BASE_MS + i / eventsPerMs);
        producer.send(record(in, i, bid));
      }
    }
  }

  private static void prime(String bootstrap, String in, String out) throws Exception {
    try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, 16_384, 0); KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, out)) {
      Bid bid = new Bid();
      for (int i = 0; i < 4 * PARTITIONS; i++) {
        Bids.fill(bid, i, LATENCY_AUCTIONS, Bids.BASE_MS - 40_000 + i / PARTITIONS * 10_000L);
        producer.send(record(in, i, bid)).get();
      }
      for (long deadline = System.nanoTime() + 90_000_000_000L; consumer.poll(Duration.ofMillis(200)).isEmpty();) {
        if (System.nanoTime() > deadline) throw new IllegalStateException("the engine gave no result in 90 s");
      }
    }
  }

  private static void latency(String bootstrap, String in, String out, int rate, int seconds, int warmUpSeconds) throws Exception {
    int total = rate * seconds;
    List<Double> latencies = new ArrayList<>();
    CountDownLatch readerReady = new CountDownLatch(1);
    CompletableFuture<Long> start = new CompletableFuture<>();
    Thread reader = new Thread(() -> {
      try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, out)) {
        consumer.poll(Duration.ofMillis(500));
        readerReady.countDown();
        long startNs = start.join();
        long deadline = startNs + (seconds + 5) * 1_000_000_000L;
        while (System.nanoTime() < deadline) {
          for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
            long closing = closingBid(field(record.value(), "windowEnd"), rate);
            if (closing < (long) rate * warmUpSeconds || closing >= total) continue;
            long dueNs = startNs + closing * 1_000_000_000L / rate;
            latencies.add((System.nanoTime() - dueNs) / 1e6);
          }
        }
      }
    });
    reader.start();
    long lagMaxNs = 0;
    try (KafkaProducer<byte[], byte[]> producer = producer(bootstrap, 16_384, 0)) {
      // On a busy machine a JVM's start takes seconds, which the whole run would be behind its schedule.
      producer.partitionsFor(in);
      readerReady.await();
      long startNs = System.nanoTime() + 1_000_000_000L;
      start.complete(startNs);
      Bid bid = new Bid();
      for (int i = 0; i < total; i++) {
        long dueNs = startNs + i * 1_000_000_000L / rate;
        long waitNs = dueNs - System.nanoTime();
        if (i >= rate * warmUpSeconds) lagMaxNs = Math.max(lagMaxNs, -waitNs);
        for (; waitNs > 0; waitNs = dueNs - System.nanoTime()) LockSupport.parkNanos(waitNs);
        Bids.fill(bid, i, LATENCY_AUCTIONS, Bids.BASE_MS + (long) i * 1_000 * SPEED / rate);
        producer.send(record(in, i, bid));
      }
    }
    reader.join();
    double[] sorted = latencies.stream().mapToDouble(Double::doubleValue).sorted().toArray();
    if (sorted.length == 0) throw new IllegalStateException("no result came");
    System.out.printf(Locale.ROOT, "{\"results\":%d,\"p50Ms\":%.2f,\"p99Ms\":%.2f,\"p999Ms\":%.2f,\"maxMs\":%.2f,\"lagMaxMs\":%.2f}%n", sorted.length,
        at(sorted, 0.5), at(sorted, 0.99), at(sorted, 0.999), sorted[sorted.length - 1], lagMaxNs / 1e6);
  }

  /** The bid after which every partition has shown that event time has reached the end of the window. */
  private static long closingBid(long windowEndMs, int rate) {
    long msOfEventTimePerThousandBids = 1_000L * 1_000 * SPEED / rate;
    long first = -Math.floorDiv(-(windowEndMs - Bids.BASE_MS) * 1_000, msOfEventTimePerThousandBids);
    return first + PARTITIONS - 1;
  }

  private static void check(String bootstrap, String out) {
    long results = 0;
    long byAuction = 0;
    long byWindow = 0;
    try (KafkaConsumer<byte[], byte[]> consumer = consumer(bootstrap, out)) {
      var ends = consumer.endOffsets(consumer.assignment());
      while (ends.entrySet().stream().anyMatch((end) -> consumer.position(end.getKey()) < end.getValue())) {
        for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
          long count = field(record.value(), "count");
          results++;
          byAuction += (field(record.value(), "auction") + 1) * count;
          byWindow += (field(record.value(), "windowEnd") - Bids.BASE_MS) / 10_000 * count;
        }
      }
    }
    System.out.println("{\"checksum\":\"" + results + "/" + byAuction + "/" + byWindow + "\"}");
  }

  private static double at(double[] sorted, double quantile) {
    return sorted[Math.min(sorted.length - 1, (int) (sorted.length * quantile))];
  }

  private static long field(byte[] json, String name) {
    String text = new String(json, StandardCharsets.UTF_8);
    int from = text.indexOf("\"" + name + "\":") + name.length() + 3;
    int to = from;
    while (to < text.length() && (Character.isDigit(text.charAt(to)) || text.charAt(to) == '-')) to++;
    return Long.parseLong(text.substring(from, to));
  }

  private static ProducerRecord<byte[], byte[]> record(String topic, int number, Bid bid) {
    return new ProducerRecord<>(topic, number % PARTITIONS, null, Bids.json(bid).getBytes(StandardCharsets.UTF_8));
  }

  private static KafkaProducer<byte[], byte[]> producer(String bootstrap, int batchBytes, int lingerMs) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("acks", "1");
    settings.put("enable.idempotence", "false");
    settings.put("batch.size", batchBytes);
    settings.put("linger.ms", lingerMs);
    return new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
  }

  /** Assigned to every partition of the topic from its beginning. */
  private static KafkaConsumer<byte[], byte[]> consumer(String bootstrap, String topic) {
    Properties settings = new Properties();
    settings.put("bootstrap.servers", bootstrap);
    settings.put("isolation.level", "read_committed");
    KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    List<TopicPartition> partitions = new ArrayList<>();
    for (PartitionInfo info : consumer.partitionsFor(topic)) partitions.add(new TopicPartition(topic, info.partition()));
    consumer.assign(partitions);
    consumer.seekToBeginning(partitions);
    return consumer;
  }
}
