import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectReader;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.serialization.DeserializationSchema;
import org.apache.flink.api.common.serialization.SerializationSchema;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;

/**
 * JSON bids of a topic of four partitions, parsed, counted by auction in windows of ten seconds, written exactly once.
 * Usage: KafkaCountJob BOOTSTRAP IN OUT PARALLELISM CHECKPOINT_MS RECORDS whole|fields. With RECORDS over 0, IN-warm-up is
 * run first (its results go to OUT-warm-up), then IN to its end, and what that took is printed; with 0 it runs until it is
 * ended.
 */
public final class KafkaCountJob {
  private static volatile double cpuBefore;
  private static volatile long startedNs;

  public static void main(String[] args) throws Exception {
    long records = Long.parseLong(args[5]);
    if (records == 0) {
      run(args, args[1], args[2], false);
      return;
    }
    run(args, args[1] + "-warm-up", args[2] + "-warm-up", true);
    startedNs = 0;
    run(args, args[1], args[2], true);
    System.out.println(Bids.report(records, Bids.processCpuSeconds() - cpuBefore, (System.nanoTime() - startedNs) / 1e9, ""));
  }

  private static void run(String[] args, String in, String out, boolean toTheEnd) throws Exception {
    String bootstrap = args[0];
    long checkpointMs = Long.parseLong(args[4]);
    StreamExecutionEnvironment environment =
        FlinkSettings.environment(Integer.parseInt(args[3]), Duration.ofMillis(Math.min(200, checkpointMs)));
    environment.enableCheckpointing(checkpointMs);
    var source = KafkaSource.<Tuple2<Long, Long>>builder().setBootstrapServers(bootstrap).setTopics(in).setGroupId(out)
        .setStartingOffsets(OffsetsInitializer.earliest()).setValueOnlyDeserializer(new JsonBid(args[6].equals("whole")));
    if (toTheEnd) source.setBounded(OffsetsInitializer.latest());
    environment
        .fromSource(source.build(),
            WatermarkStrategy.<Tuple2<Long, Long>>forMonotonousTimestamps().withTimestampAssigner((bid, previous) -> bid.f1), "bids")
        .map((bid) -> bid.f0).returns(Types.LONG)
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

  /** Auction and event time of a bid; the rest is parsed too when bids are to be read whole. */
  private static final class JsonBid implements DeserializationSchema<Tuple2<Long, Long>> {
    private final boolean whole;
    private transient ObjectReader reader;

    JsonBid(boolean whole) {
      this.whole = whole;
    }

    @Override public void open(InitializationContext context) {
      reader = new ObjectMapper().readerFor(whole ? Bid.class : BidKey.class);
    }

    @Override public Tuple2<Long, Long> deserialize(byte[] message) throws IOException {
      if (startedNs == 0) {
        startedNs = System.nanoTime();
        cpuBefore = Bids.processCpuSeconds();
      }
      if (whole) {
        Bid bid = reader.readValue(message);
        return Tuple2.of(bid.auction, bid.dateTime);
      }
      BidKey key = reader.readValue(message);
      return Tuple2.of(key.auction, key.dateTime);
    }

    @Override public boolean isEndOfStream(Tuple2<Long, Long> bid) {
      return false;
    }

    @Override public TypeInformation<Tuple2<Long, Long>> getProducedType() {
      return Types.TUPLE(Types.LONG, Types.LONG);
    }
  }

  private static final class JsonCount implements SerializationSchema<Tuple3<Long, Long, Long>> {
    @Override public byte[] serialize(Tuple3<Long, Long, Long> result) {
      return ("{\"auction\":" + result.f0 + ",\"windowEnd\":" + result.f1 + ",\"count\":" + result.f2 + "}").getBytes(StandardCharsets.UTF_8);
    }
  }
}
