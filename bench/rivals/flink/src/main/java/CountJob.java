import java.time.Duration;
import java.util.concurrent.atomic.LongAdder;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.connector.source.SourceReaderContext;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.connector.datagen.source.DataGeneratorSource;
import org.apache.flink.connector.datagen.source.GeneratorFunction;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;

/**
 * Bids generated in process, counted by auction in windows of ten seconds, parallelism one.
 * Usage: CountJob EVENTS AUCTIONS EVENTS_PER_MS whole|projected. Runs a quarter of the events first, so that the code is
 * compiled; then prints what all of them took, from the first event made to the last result.
 */
public final class CountJob {
  private static final LongAdder results = new LongAdder();
  private static final LongAdder byAuction = new LongAdder();
  private static final LongAdder byWindow = new LongAdder();
  private static volatile double cpuBefore;
  private static volatile double cpuAfter;
  private static volatile long startedNs;
  private static volatile long endedNs;

  public static void main(String[] args) throws Exception {
    int events = Integer.parseInt(args[0]);
    int auctions = Integer.parseInt(args[1]);
    int eventsPerMs = Integer.parseInt(args[2]);
    boolean projected = args[3].equals("projected");
    run(events / 4, auctions, eventsPerMs, projected);
    results.reset();
    byAuction.reset();
    byWindow.reset();
    run(events, auctions, eventsPerMs, projected);
    System.out.println(Bids.report(events, cpuAfter - cpuBefore, (endedNs - startedNs) / 1e9,
        results.sum() + "/" + byAuction.sum() + "/" + byWindow.sum()));
  }

  private static void run(int events, int auctions, int eventsPerMs, boolean projected) throws Exception {
    StreamExecutionEnvironment environment = FlinkSettings.environment(1, Duration.ofMillis(200));
    DataStream<Bid> bids = environment.fromSource(
        new DataGeneratorSource<>(new Generator(auctions, eventsPerMs), events, TypeInformation.of(Bid.class)),
        WatermarkStrategy.<Bid>forMonotonousTimestamps().withTimestampAssigner((bid, previous) -> bid.dateTime), "bids");
    Duration size = Duration.ofSeconds(10);
    var counts = projected
        ? bids.map((bid) -> bid.auction).returns(Types.LONG).keyBy((auction) -> auction)
            .window(TumblingEventTimeWindows.of(size)).aggregate(new WindowCount.Count<>(), new WindowCount.Emit())
        : bids.keyBy((bid) -> bid.auction)
            .window(TumblingEventTimeWindows.of(size)).aggregate(new WindowCount.Count<>(), new WindowCount.Emit());
    counts.map(new Checksum()).returns(Types.LONG).sinkTo(new DiscardingSink<>());
    environment.execute("bids by auction");
  }

  private static final class Generator implements GeneratorFunction<Long, Bid> {
    private final int auctions;
    private final int eventsPerMs;
    private transient Bid bid;

    Generator(int auctions, int eventsPerMs) {
      this.auctions = auctions;
      this.eventsPerMs = eventsPerMs;
    }

    @Override public void open(SourceReaderContext context) {
      bid = new Bid();
      cpuBefore = Bids.processCpuSeconds();
      startedNs = System.nanoTime();
    }

    @Override public Bid map(Long number) {
      int n = number.intValue();
      Bids.fill(bid, n, auctions, Bids.BASE_MS + n / eventsPerMs);
      return bid;
    }
  }

  private static final class Checksum extends RichMapFunction<Tuple3<Long, Long, Long>, Long> {
    @Override public void open(OpenContext context) {}

    @Override public Long map(Tuple3<Long, Long, Long> result) {
      results.increment();
      byAuction.add((result.f0 + 1) * result.f2);
      byWindow.add((result.f1 - Bids.BASE_MS) / 10_000 * result.f2);
      return result.f2;
    }

    @Override public void close() {
      endedNs = System.nanoTime();
      cpuAfter = Bids.processCpuSeconds();
    }
  }
}
