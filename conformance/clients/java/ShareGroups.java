import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.ListShareGroupOffsetsSpec;
import org.apache.kafka.clients.consumer.AcknowledgeType;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.StringDeserializer;

/** Scenarios of share groups (KIP-932). */
final class ShareGroups {
  private ShareGroups() {}

  static void addTo(Map<String, JavaClients.Scenario> scenarios) {
    scenarios.put("share-admin", ShareGroups::administration);
    scenarios.put("share-explicit", ShareGroups::explicit);
    scenarios.put("share-implicit", ShareGroups::implicit);
    scenarios.put("share-transactions", ShareGroups::transactions);
  }

  private static KafkaShareConsumer<String, String> member(String group, Map<String, Object> settings) {
    Properties all = new Properties();
    all.put("bootstrap.servers", JavaClients.bootstrap);
    all.put("group.id", JavaClients.prefix + group);
    all.put("default.api.timeout.ms", "20000");
    all.putAll(settings);
    return new KafkaShareConsumer<>(all, new StringDeserializer(), new StringDeserializer());
  }

  private static Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", JavaClients.bootstrap));
  }

  private static void configure(String group, Map<String, String> settings) throws Exception {
    List<AlterConfigOp> changes = new ArrayList<>();
    settings.forEach((name, value) -> changes.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
    try (Admin admin = admin()) {
      admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.GROUP, JavaClients.prefix + group), changes))
          .all().get();
    }
  }

  private static void produce(String topic, int from, int to) {
    try (var producer = JavaClients.producer(Map.of())) {
      for (int i = from; i < to; i++) producer.send(new ProducerRecord<>(topic, "value " + i));
    }
  }

  /** Polls until so many records have come. */
  private static List<ConsumerRecord<String, String>> take(KafkaShareConsumer<String, String> member, int count) {
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    long deadline = System.currentTimeMillis() + 20_000;
    while (records.size() < count && System.currentTimeMillis() < deadline) {
      member.poll(Duration.ofMillis(200)).forEach(records::add);
    }
    JavaClients.check(records.size() == count, records.size() + " records of " + count);
    return records;
  }

  /** Two members share one partition, and acknowledge with their next poll: each record comes to one of them. */
  private static void implicit() throws Exception {
    String topic = JavaClients.create("share-implicit", 1);
    configure("share-implicit", Map.of("share.auto.offset.reset", "earliest"));
    Set<String> seen = new HashSet<>();
    int count = 0;
    try (var one = member("share-implicit", Map.of("max.poll.records", "10"));
        var other = member("share-implicit", Map.of("max.poll.records", "10"))) {
      List<KafkaShareConsumer<String, String>> members = List.of(one, other);
      members.forEach((each) -> each.subscribe(List.of(topic)));
      Set<Object> served = new HashSet<>();
      long deadline = System.currentTimeMillis() + 30_000;
      int produced = 0;
      while (seen.size() < 500 && System.currentTimeMillis() < deadline) {
        if (produced < 500) produce(topic, produced, produced += 50);
        for (var each : members) {
          for (ConsumerRecord<String, String> record : each.poll(Duration.ofMillis(100))) {
            seen.add(record.value());
            served.add(each);
            count++;
          }
        }
      }
      JavaClients.check(seen.size() == 500, "seen " + seen.size());
      JavaClients.check(count == 500, "each once, not " + count);
      JavaClients.check(served.size() == 2, "both members were served");
      for (var each : members) each.commitSync().values().forEach((error) -> JavaClients.check(error.isEmpty(), "error " + error));
    }
    try (var late = member("share-implicit", Map.of())) {
      late.subscribe(List.of(topic));
      for (int i = 0; i < 5; i++) JavaClients.check(late.poll(Duration.ofMillis(200)).isEmpty(), "nothing is left");
    }
  }

  /** Accepts, releases and rejects: what is released comes again, with its deliveries counted, until there were enough. */
  private static void explicit() throws Exception {
    String topic = JavaClients.create("share-explicit", 1);
    configure("share-explicit", Map.of("share.auto.offset.reset", "earliest", "share.delivery.count.limit", "3"));
    produce(topic, 0, 6);
    try (var member = member("share-explicit", Map.of("share.acknowledgement.mode", "explicit"))) {
      member.subscribe(List.of(topic));
      for (ConsumerRecord<String, String> record : take(member, 6)) {
        JavaClients.check(record.deliveryCount().equals(Optional.of((short) 1)), "delivery " + record.deliveryCount());
        long kind = record.offset() % 3;
        member.acknowledge(record, kind == 0 ? AcknowledgeType.ACCEPT : kind == 1 ? AcknowledgeType.RELEASE : AcknowledgeType.REJECT);
      }
      member.commitSync().values().forEach((error) -> JavaClients.check(error.isEmpty(), "error " + error));
      Map<Long, Integer> deliveries = new HashMap<>(Map.of(1L, 1, 4L, 1));
      Set<Long> renewed = new HashSet<>();
      long deadline = System.currentTimeMillis() + 20_000;
      while (!deliveries.equals(Map.of(1L, 3, 4L, 3)) && System.currentTimeMillis() < deadline) {
        for (ConsumerRecord<String, String> record : member.poll(Duration.ofMillis(200))) {
          // What was renewed comes again with the next poll, and is no delivery more.
          boolean again = renewed.contains(record.offset()) && record.deliveryCount().get() == 2;
          if (!again) deliveries.merge(record.offset(), 1, Integer::sum);
          JavaClients.check(record.deliveryCount().get().intValue() == deliveries.get(record.offset()),
              "delivery " + record.deliveryCount() + " of " + deliveries);
          boolean renews = record.deliveryCount().get() == 2 && renewed.add(record.offset());
          member.acknowledge(record, renews ? AcknowledgeType.RENEW : AcknowledgeType.RELEASE);
        }
        member.commitSync().values().forEach((error) -> JavaClients.check(error.isEmpty(), "error " + error));
      }
      JavaClients.check(deliveries.equals(Map.of(1L, 3, 4L, 3)), "deliveries " + deliveries);
      for (int i = 0; i < 5; i++) JavaClients.check(member.poll(Duration.ofMillis(200)).isEmpty(), "there were enough deliveries");
    }
  }

  /** A group that reads committed records is given nothing else. */
  private static void transactions() throws Exception {
    String topic = JavaClients.create("share-transactions", 1);
    configure("share-transactions", Map.of("share.auto.offset.reset", "earliest", "share.isolation.level", "read_committed"));
    try (var producer = JavaClients.producer(Map.of("transactional.id", JavaClients.prefix + "share"));
        var member = member("share-transactions", Map.of())) {
      producer.initTransactions();
      for (String end : List.of("abort", "commit", "abort", "commit")) {
        producer.beginTransaction();
        for (int i = 0; i < 3; i++) producer.send(new ProducerRecord<>(topic, end));
        if (end.equals("commit")) producer.commitTransaction();
        else {
          producer.flush();
          producer.abortTransaction();
        }
      }
      member.subscribe(List.of(topic));
      for (ConsumerRecord<String, String> record : take(member, 6)) JavaClients.check(record.value().equals("commit"), record.value());
      member.commitSync();
    }
  }

  private static void administration() throws Exception {
    String topic = JavaClients.create("share-admin", 2);
    String group = JavaClients.prefix + "share-admin";
    configure("share-admin", Map.of("share.auto.offset.reset", "earliest"));
    produce(topic, 0, 10);
    try (Admin admin = admin()) {
      try (var member = member("share-admin", Map.of())) {
        member.subscribe(List.of(topic));
        take(member, 10);
        member.commitSync();
        var described = admin.describeShareGroups(List.of(group)).all().get().get(group);
        JavaClients.check(described.groupState() == GroupState.STABLE, "state " + described.groupState());
        JavaClients.check(described.members().size() == 1, "members " + described.members());
        JavaClients.check(described.members().iterator().next().assignment().topicPartitions().size() == 2, "assigned both");
        var listed = admin.listGroups(new ListGroupsOptions().withTypes(Set.of(GroupType.SHARE))).all().get();
        JavaClients.check(listed.stream().anyMatch((each) -> each.groupId().equals(group)), "listed by type");
        JavaClients.expectCause("GroupNotEmptyException", () -> admin.deleteShareGroups(List.of(group)).all().get());
        JavaClients.expectCause("GroupNotEmptyException",
            () -> admin.alterShareGroupOffsets(group, Map.of(new TopicPartition(topic, 0), 0L)).all().get());
      }
      var spec = Map.of(group, new ListShareGroupOffsetsSpec());
      var offsets = admin.listShareGroupOffsets(spec).all().get().get(group);
      // A Kafka tells nothing of a partition that had no records yet.
      offsets.values().removeIf((each) -> each == null);
      JavaClients.check(!offsets.isEmpty(), "offsets");
      for (var each : offsets.values()) JavaClients.check(each.lag().equals(Optional.of(0L)), "lag " + each);
      admin.alterShareGroupOffsets(group, Map.of(new TopicPartition(topic, 0), 0L, new TopicPartition(topic, 1), 0L)).all().get();
      offsets = admin.listShareGroupOffsets(spec).all().get().get(group);
      JavaClients.check(offsets.get(new TopicPartition(topic, 0)).startOffset() == 0, "set back " + offsets);
      try (var member = member("share-admin", Map.of())) {
        member.subscribe(List.of(topic));
        take(member, 10);
      }
      admin.deleteShareGroupOffsets(group, Set.of(topic)).all().get();
      JavaClients.check(admin.listShareGroupOffsets(spec).all().get().get(group).isEmpty(), "forgotten");
      admin.deleteShareGroups(List.of(group)).all().get();
      JavaClients.check(admin.listGroups(ListGroupsOptions.forShareGroups()).all().get().stream()
          .noneMatch((each) -> each.groupId().equals(group)), "deleted");
    }
  }
}
