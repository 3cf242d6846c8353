import java.util.List;
import java.util.Map;
import org.apache.kafka.common.metrics.KafkaMetric;
import org.apache.kafka.common.metrics.MetricsReporter;
import org.apache.kafka.server.telemetry.ClientTelemetryExporter;
import org.apache.kafka.server.telemetry.ClientTelemetryExporterProvider;
import org.apache.kafka.shaded.com.google.protobuf.InvalidProtocolBufferException;
import org.apache.kafka.shaded.io.opentelemetry.proto.metrics.v1.MetricsData;

/**
 * A plugin of Kafka's server that takes what clients push: without one Kafka does not serve these requests. It decodes
 * the metrics and forgets them; what cannot be decoded it refuses.
 */
public final class MetricsReceiver implements MetricsReporter, ClientTelemetryExporterProvider {
  @Override
  public ClientTelemetryExporter clientTelemetryExporter() {
    return (context, payload) -> {
      try {
        MetricsData.parseFrom(payload.data());
      } catch (InvalidProtocolBufferException error) {
        throw new IllegalArgumentException(error);
      }
    };
  }

  @Override
  public void init(List<KafkaMetric> metrics) {}

  @Override
  public void metricChange(KafkaMetric metric) {}

  @Override
  public void metricRemoval(KafkaMetric metric) {}

  @Override
  public void configure(Map<String, ?> settings) {}

  @Override
  public void close() {}
}
