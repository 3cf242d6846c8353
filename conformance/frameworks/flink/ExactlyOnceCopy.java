import java.nio.file.Path;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.api.common.serialization.SimpleStringSchema;
import org.apache.flink.configuration.CheckpointingOptions;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.ExternalizedCheckpointRetention;
import org.apache.flink.configuration.RestartStrategyOptions;
import org.apache.flink.configuration.StateRecoveryOptions;
import org.apache.flink.connector.base.DeliveryGuarantee;
import org.apache.flink.connector.kafka.sink.KafkaRecordSerializationSchema;
import org.apache.flink.connector.kafka.sink.KafkaSink;
import org.apache.flink.connector.kafka.sink.TransactionNamingStrategy;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;

/**
 * Copies a topic of two partitions exactly once, each record with its number in its key's order: state, source positions
 * and transactions have to agree for the numbers to be right.
 * Usage: ExactlyOnceCopy BOOTSTRAP IN OUT CHECKPOINTS NAMING FAIL_AT [CHECKPOINT]. The task that has seen FAIL_AT records
 * throws, once in a process; 0 is never. CHECKPOINT is the folder of one to go on from. Runs until it is ended.
 */
public final class ExactlyOnceCopy {
  private static final AtomicBoolean failed = new AtomicBoolean();

  public static void main(String[] args) throws Exception {
    Configuration settings = new Configuration();
    settings.set(RestartStrategyOptions.RESTART_STRATEGY, "fixed-delay");
    settings.setString("restart-strategy.fixed-delay.attempts", "100");
    settings.setString("restart-strategy.fixed-delay.delay", "200 ms");
    settings.set(CheckpointingOptions.CHECKPOINTS_DIRECTORY, Path.of(args[3]).toUri().toString());
    settings.set(CheckpointingOptions.EXTERNALIZED_CHECKPOINT_RETENTION, ExternalizedCheckpointRetention.RETAIN_ON_CANCELLATION);
    if (args.length > 6) settings.set(StateRecoveryOptions.SAVEPOINT_PATH, args[6]);
    StreamExecutionEnvironment environment = StreamExecutionEnvironment.createLocalEnvironment(2, settings);
    environment.enableCheckpointing(300);
    environment
        .fromSource(
            KafkaSource.<String>builder().setBootstrapServers(args[0]).setTopics(args[1]).setGroupId(args[2])
                .setStartingOffsets(OffsetsInitializer.earliest())
                .setValueOnlyDeserializer(new SimpleStringSchema()).build(),
            WatermarkStrategy.noWatermarks(), "in")
        .uid("in")
        .keyBy(value -> value.substring(0, value.indexOf(' ')))
        .map(new Numbering(Integer.parseInt(args[5])))
        .uid("numbering")
        .sinkTo(KafkaSink.<String>builder().setBootstrapServers(args[0])
            .setDeliveryGuarantee(DeliveryGuarantee.EXACTLY_ONCE).setTransactionalIdPrefix(args[2])
            .setTransactionNamingStrategy(TransactionNamingStrategy.valueOf(args[4]))
            .setProperty("transaction.timeout.ms", "600000")
            .setRecordSerializer(KafkaRecordSerializationSchema.<String>builder().setTopic(args[2])
                .setValueSerializationSchema(new SimpleStringSchema()).build())
            .build())
        .uid("out");
    environment.execute("exactly once");
  }

  /** "key rest" becomes "key rest #n", where n counts the key's records. */
  private static final class Numbering extends RichMapFunction<String, String> {
    private final int failAt;
    private int seen;
    private transient org.apache.flink.api.common.state.ValueState<Integer> count;

    Numbering(int failAt) {
      this.failAt = failAt;
    }

    @Override public void open(org.apache.flink.api.common.functions.OpenContext context) {
      count = getRuntimeContext().getState(
          new org.apache.flink.api.common.state.ValueStateDescriptor<>("count", Integer.class));
    }

    @Override public String map(String value) throws Exception {
      if (++seen == failAt && failed.compareAndSet(false, true)) {
        System.out.println("FAILING");
        throw new IllegalStateException("injected");
      }
      int next = count.value() == null ? 1 : count.value() + 1;
      count.update(next);
      return value + " #" + next;
    }
  }
}
