import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.kafka.common.TopicPartition;

/**
 * JSON bids of a topic of four partitions, parsed, counted by auction in windows of ten seconds, written exactly once.
 * Usage: KafkaCountJob BOOTSTRAP IN OUT PARALLELISM CHECKPOINT_MS RECORDS. With RECORDS over 0, a quarter of the topic is
 * run first (its results go to OUT-warm-up), then all of it, and what that took is printed; with 0 it runs until it is ended.
 */
public final class KafkaCountJob {
  private static volatile double cpuBefore;
  private static volatile long startedNs;

  public static void main(String[] args) throws Exception {
    long records = Long.parseLong(args[5]);
    if (records == 0) {
      run(args, args[2], 0);
      return;
    }
    run(args, args[2] + "-warm-up", records / 4);
    startedNs = 0;
    run(args, args[2], records);
    System.out.println(Bids.report(records, Bids.processCpuSeconds() - cpuBefore, (System.nanoTime() - startedNs) / 1e9, ""));
  }

  private static void run(String[] args, String out, long records) throws Exception {
    String bootstrap = args[0];
    String in = args[1];
    long checkpointMs = Long.parseLong(args[4]);
    StreamExecutionEnvironment environment =
        FlinkSettings.environment(Integer.parseInt(args[3]), Duration.ofMillis(Math.min(200, checkpointMs)));
    environment.enableCheckpointing(checkpointMs);
    var source = KafkaSource.<Bid>builder().setBootstrapServers(bootstrap).setTopics(in).setGroupId(out)
        .setStartingOffsets(OffsetsInitializer.earliest()).setValueOnlyDeserializer(new JsonBid());
    if (records > 0) {
      Map<TopicPartition, Long> ends = new HashMap<>();
      for (int partition = 0; partition < 4; partition++) ends.put(new TopicPartition(in, partition), records / 4);
      source.setBounded(OffsetsInitializer.offsets(ends));
    }
    environment
        .fromSource(source.build(),
            WatermarkStrategy.<Bid>forMonotonousTimestamps().withTimestampAssigner((bid, previous) -> bid.dateTime), "bids")
        .map((bid) -> bid.auction).returns(Types.LONG)
        .keyBy((auction) -> auction)
        .window(TumblingEventTimeWindows.of(Duration.ofSeconds(10)))
        .aggregate(new WindowCount.Count<>(), new WindowCount.Emit())
        .sinkTo(KafkaSink.<Tuple3<Long, Long, Long>>builder().setBootstrapServers(bootstrap)
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE).setTransactionalIdPrefix(out)
            .setProperty("transaction.timeout.ms", "600000")
            .setRecordSerializer(KafkaRecordSerializationSchema.<Tuple3<Long, Long, Long>>builder().setTopic(out)
                .setValueSerializationSchema(new JsonCount()).build())
            .build());
    environment.execute("bids by auction");
  }

  private static final class JsonBid implements DeserializationSchema<Bid> {
    private transient ObjectReader reader;

    @Override public void open(InitializationContext context) {
      reader = new ObjectMapper().readerFor(Bid.class);
    }

    @Override public Bid deserialize(byte[] message) throws IOException {
      if (startedNs == 0) {
        startedNs = System.nanoTime();
        cpuBefore = Bids.processCpuSeconds();
      }
      return reader.readValue(message);
    }

    @Override public boolean isEndOfStream(Bid bid) {
      return false;
    }

    @Override public TypeInformation<Bid> getProducedType() {
      return TypeInformation.of(Bid.class);
    }
  }

  private static final class JsonCount implements SerializationSchema<Tuple3<Long, Long, Long>> {
    @Override public byte[] serialize(Tuple3<Long, Long, Long> result) {
      return ("{\"auction\":" + result.f0 + ",\"windowEnd\":" + result.f1 + ",\"count\":" + result.f2 + "}").getBytes(StandardCharsets.UTF_8);
    }
  }
}
