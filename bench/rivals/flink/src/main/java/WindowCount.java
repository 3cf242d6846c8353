import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.functions.windowing.ProcessWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;

/** Counts what a window holds, incrementally, and names auction and window: (auction, end of the window, count). */
public final class WindowCount {
  private WindowCount() {}

  public static final class Count<T> implements AggregateFunction<T, Long, Long> {
    @Override public Long createAccumulator() {
      return 0L;
    }

    @Override public Long add(T event, Long count) {
      return count + 1;
    }

    @Override public Long getResult(Long count) {
      return count;
    }

    @Override public Long merge(Long a, Long b) {
      return a + b;
    }
  }

  public static final class Emit extends ProcessWindowFunction<Long, Tuple3<Long, Long, Long>, Long, TimeWindow> {
    @Override public void process(Long auction, Context context, Iterable<Long> counts, Collector<Tuple3<Long, Long, Long>> out) {
      out.collect(Tuple3.of(auction, context.window().getEnd(), counts.iterator().next()));
    }
  }
}
