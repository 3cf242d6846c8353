import java.time.Duration;
import java.util.Arrays;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.WindowStore;

/**
 * Kafka Streams applications with processing.guarantee=exactly_once_v2.
 * Usage: StreamsApps word-count|sales BOOTSTRAP PREFIX STATE_FOLDER classic|streams. The last is the protocol of the
 * group. Prints each state that the application enters, and closes it in good order when standard input ends.
 */
public final class StreamsApps {
  private static String prefix;

  public static void main(String[] args) throws Exception {
    prefix = args[2];
    Properties settings = new Properties();
    settings.put(StreamsConfig.APPLICATION_ID_CONFIG, prefix + args[0]);
    settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, args[1]);
    settings.put(StreamsConfig.STATE_DIR_CONFIG, args[3]);
    settings.put(StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2);
    settings.put(StreamsConfig.NUM_STREAM_THREADS_CONFIG, 2);
    // Every update is to come out, so that a missing or repeated one is seen.
    settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, 0);
    settings.put(StreamsConfig.GROUP_PROTOCOL_CONFIG, args[4]);
    if (args[4].equals("classic")) {
      // A member that was killed holds its tasks until its session ends. In the other protocol the broker says when.
      settings.put("session.timeout.ms", 6_000);
      settings.put("heartbeat.interval.ms", 500);
    }
    settings.put("auto.offset.reset", "earliest");
    StreamsBuilder builder = new StreamsBuilder();
    if (args[0].equals("word-count")) wordCount(builder);
    else sales(builder);
    KafkaStreams streams = new KafkaStreams(builder.build(), settings);
    CountDownLatch ended = new CountDownLatch(1);
    streams.setStateListener((now, before) -> {
      System.out.println(now);
      if (now == KafkaStreams.State.ERROR || now == KafkaStreams.State.NOT_RUNNING) ended.countDown();
    });
    streams.start();
    Thread input = new Thread(() -> {
      try {
        while (System.in.read() >= 0) {}
      } catch (java.io.IOException ignored) {
        // The end of input, however it comes.
      }
      ended.countDown();
    });
    input.setDaemon(true);
    input.start();
    ended.await();
    boolean failed = streams.state() == KafkaStreams.State.ERROR;
    streams.close(Duration.ofSeconds(20));
    System.exit(failed ? 1 : 0);
  }

  /** lines → words, repartitioned by word → how often each has come so far. */
  private static void wordCount(StreamsBuilder builder) {
    builder.stream(prefix + "lines", Consumed.with(Serdes.String(), Serdes.String()))
        .flatMapValues(line -> Arrays.asList(line.split(" ")))
        .groupBy((key, word) -> word, Grouped.with("by-word", Serdes.String(), Serdes.String()))
        .count(Materialized.<String, Long, KeyValueStore<Bytes, byte[]>>as("counts"))
        .toStream()
        .mapValues(count -> Long.toString(count))
        .to(prefix + "counts", Produced.with(Serdes.String(), Serdes.String()));
  }

  /**
   * sales (key: customer, value: amount) joined with the table of customers (value: region), repartitioned by region,
   * added up in windows of a minute, told once when each window is over: "region@window start", sum.
   */
  private static void sales(StreamsBuilder builder) {
    var customers = builder.table(prefix + "customers", Consumed.with(Serdes.String(), Serdes.String()),
        Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as("customers"));
    builder.stream(prefix + "sales", Consumed.with(Serdes.String(), Serdes.String()))
        .join(customers, (amount, region) -> region + " " + amount,
            Joined.with(Serdes.String(), Serdes.String(), Serdes.String()))
        .map((customer, joined) -> {
          String[] parts = joined.split(" ");
          return KeyValue.pair(parts[0], Long.parseLong(parts[1]));
        })
        .repartition(Repartitioned.<String, Long>as("by-region").withNumberOfPartitions(2)
            .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
        .groupByKey(Grouped.with(Serdes.String(), Serdes.Long()))
        .windowedBy(TimeWindows.ofSizeAndGrace(Duration.ofMinutes(1), Duration.ofMinutes(1)))
        .reduce(Long::sum, Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("sums")
            .withKeySerde(Serdes.String()).withValueSerde(Serdes.Long()))
        .suppress(Suppressed.untilWindowCloses(Suppressed.BufferConfig.unbounded()).withName("closed"))
        .toStream()
        .map((region, sum) -> KeyValue.pair(region.key() + "@" + region.window().start(), Long.toString(sum)))
        .to(prefix + "sums", Produced.with(Serdes.String(), Serdes.String()));
  }
}
