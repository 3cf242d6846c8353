import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidTopicException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Scenarios over Kafka's own Java clients, with default settings wherever the scenario does not need others.
 * Usage: JavaClients BOOTSTRAP PREFIX [SCENARIO …]. Prints "ok NAME" or "not ok NAME: why" for each scenario.
 */
public final class JavaClients {
  static String bootstrap;
  static String prefix;

  interface Scenario {
    void run() throws Exception;
  }

  public static void main(String[] args) {
    bootstrap = args[0];
    prefix = args[1];
    Map<String, Scenario> scenarios = new TreeMap<>();
    scenarios.put("admin", JavaClients::admin);
    scenarios.put("produce-consume", JavaClients::produceConsume);
    scenarios.put("compression", JavaClients::compression);
    scenarios.put("large-batches", JavaClients::largeBatches);
    scenarios.put("offsets", JavaClients::offsets);
    scenarios.put("group-rebalance", JavaClients::groupRebalance);
    scenarios.put("cooperative-rebalance", JavaClients::cooperativeRebalance);
    scenarios.put("static-member", JavaClients::staticMember);
    scenarios.put("groups-admin", JavaClients::groupsAdmin);
    scenarios.put("transactions", JavaClients::transactions);
    scenarios.put("transaction-offsets", () -> transactionOffsets("transfer", Map.of()));
    ConsumerProtocol.addTo(scenarios);
    ShareGroups.addTo(scenarios);
    scenarios.put("fencing", JavaClients::fencing);
    Set<String> wanted = Set.of(args).stream().filter(scenarios::containsKey).collect(Collectors.toSet());
    boolean failed = false;
    for (Map.Entry<String, Scenario> each : scenarios.entrySet()) {
      if (!wanted.isEmpty() && !wanted.contains(each.getKey())) continue;
      try {
        each.getValue().run();
        System.out.println("ok " + each.getKey());
      } catch (Throwable error) {
        failed = true;
        StackTraceElement at = null;
        for (StackTraceElement frame : error.getStackTrace()) {
          if (frame.getClassName().startsWith("JavaClients") && !frame.getMethodName().equals("check")) {
            at = frame;
            break;
          }
        }
        System.out.println(("not ok " + each.getKey() + ": " + error + " at " + at).replace('\n', ' '));
      }
      System.out.flush();
    }
    System.exit(failed ? 1 : 0);
  }

  // Administration

  private static void admin() throws Exception {
    String topic = prefix + "admin";
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      check(admin.describeCluster().nodes().get(10, TimeUnit.SECONDS).size() == 1, "one node");
      check(!admin.describeCluster().clusterId().get().isEmpty(), "a cluster id");
      var created = admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1).configs(Map.of("retention.ms", "3600000"))));
      check(created.numPartitions(topic).get() == 2, "created partitions");
      expect(TopicExistsException.class, () -> admin.createTopics(List.of(new NewTopic(topic, 2, (short) 1))).all().get());
      expect(InvalidTopicException.class, () -> admin.createTopics(List.of(new NewTopic("no/slash", 1, (short) 1))).all().get());
      admin.createTopics(List.of(new NewTopic(prefix + "defaults", Optional.empty(), Optional.empty()))).all().get();
      check(admin.listTopics().names().get().containsAll(Set.of(topic, prefix + "defaults")), "listed");
      admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(4))).all().get();
      check(admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).partitions().size() == 4, "grown to 4");
      ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
      check(configOf(admin, resource, "retention.ms").equals("3600000"), "config as created");
      check(configOf(admin, resource, "cleanup.policy").equals("delete"), "default config");
      admin.incrementalAlterConfigs(Map.of(resource, List.of(
          new AlterConfigOp(new ConfigEntry("retention.ms", "7200000"), AlterConfigOp.OpType.SET)))).all().get();
      check(configOf(admin, resource, "retention.ms").equals("7200000"), "config altered");
      try (KafkaProducer<String, String> producer = producer(Map.of())) {
        for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, 0, null, "v" + i)).get();
      }
      TopicPartition partition = new TopicPartition(topic, 0);
      check(admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(partition).get()
          .lowWatermark() == 4, "low watermark");
      check(offset(admin, partition, OffsetSpec.earliest()) == 4, "earliest after deleting records");
      admin.deleteTopics(List.of(topic, prefix + "defaults")).all().get();
      expect(UnknownTopicOrPartitionException.class, () -> admin.describeTopics(List.of(topic)).allTopicNames().get());
      admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
      check(offset(admin, partition, OffsetSpec.latest()) == 0, "a topic made again is empty");
    }
  }

  private static String configOf(Admin admin, ConfigResource resource, String name) throws Exception {
    return admin.describeConfigs(List.of(resource)).all().get().get(resource).get(name).value();
  }

  private static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
    return admin.listOffsets(Map.of(partition, spec)).all().get().get(partition).offset();
  }

  // Produce and consume

  private static void produceConsume() throws Exception {
    String topic = create("produce-consume", 3);
    try (KafkaProducer<String, String> producer = producer(Map.of())) {
      for (int i = 0; i < 300; i++) {
        var record = new ProducerRecord<>(topic, i % 3, 1_700_000_000_000L + i, i % 7 == 0 ? null : "k" + i, i % 11 == 0 ? null : "v" + i);
        record.headers().add(new RecordHeader("n", Integer.toString(i).getBytes())).add(new RecordHeader("none", (byte[]) null));
        producer.send(record);
      }
      producer.flush();
      check(producer.partitionsFor(topic).size() == 3, "partitionsFor");
    }
    try (KafkaProducer<String, String> producer = producer(Map.of("acks", "0", "enable.idempotence", "false"))) {
      producer.send(new ProducerRecord<>(topic, 0, null, "acks=0")).get();
    }
    try (KafkaProducer<String, String> producer = producer(Map.of("acks", "1", "enable.idempotence", "false"))) {
      RecordMetadata metadata = producer.send(new ProducerRecord<>(topic, 1, null, "acks=1")).get();
      check(metadata.offset() == 100, "offset of acks=1 is " + metadata.offset());
    }
    try (KafkaConsumer<String, String> consumer = consumer(Map.of())) {
      List<ConsumerRecord<String, String>> records = readAll(consumer, topic, 3, 302);
      for (ConsumerRecord<String, String> record : records) {
        if (record.offset() == 100) continue;
        int i = (int) record.offset() * 3 + record.partition();
        check(record.timestamp() == 1_700_000_000_000L + i, "timestamp");
        check(i % 7 == 0 ? record.key() == null : record.key().equals("k" + i), "key");
        check(i % 11 == 0 ? record.value() == null : record.value().equals("v" + i), "value");
        check(new String(record.headers().lastHeader("n").value()).equals("" + i), "header");
        check(record.headers().lastHeader("none").value() == null, "null header");
      }
    }
  }

  private static void compression() throws Exception {
    String topic = create("compression", 1);
    String value = "abcdefgh".repeat(50);
    List<String> codecs = List.of("none", "gzip", "snappy", "lz4", "zstd");
    for (String codec : codecs) {
      try (KafkaProducer<String, String> producer = producer(Map.of("compression.type", codec, "linger.ms", "50"))) {
        for (int i = 0; i < 200; i++) producer.send(new ProducerRecord<>(topic, codec + i, value + i));
      }
    }
    try (KafkaConsumer<String, String> consumer = consumer(Map.of())) {
      List<ConsumerRecord<String, String>> records = readAll(consumer, topic, 1, 1000);
      for (int i = 0; i < 1000; i++) {
        check(records.get(i).key().equals(codecs.get(i / 200) + i % 200), "key of record " + i);
        check(records.get(i).value().equals(value + i % 200), "value of record " + i);
      }
    }
  }

  private static void largeBatches() throws Exception {
    String topic = create("large", 1);
    String large = "x".repeat(900_000);
    try (KafkaProducer<String, String> producer = producer(Map.of("batch.size", "500000", "linger.ms", "20"))) {
      for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>(topic, "large" + i, large)).get();
      for (int i = 0; i < 20_000; i++) producer.send(new ProducerRecord<>(topic, "small" + i, "y".repeat(100)));
      expectCause("RecordTooLargeException", () -> {
        try (KafkaProducer<String, String> wide = producer(Map.of("max.request.size", "5000000"))) {
          wide.send(new ProducerRecord<>(topic, "too large", "z".repeat(2_000_000))).get();
        }
      });
    }
    try (KafkaConsumer<String, String> consumer = consumer(Map.of("max.partition.fetch.bytes", "10000"))) {
      check(readAll(consumer, topic, 1, 20_005).size() == 20_005, "all records");
    }
  }

  private static void offsets() throws Exception {
    String topic = create("offsets", 1);
    TopicPartition partition = new TopicPartition(topic, 0);
    try (KafkaProducer<String, String> producer = producer(Map.of("compression.type", "lz4", "linger.ms", "100"))) {
      for (int i = 0; i < 100; i++) producer.send(new ProducerRecord<>(topic, 0, 1_000L + i * 10, null, "v" + i));
    }
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      check(offset(admin, partition, OffsetSpec.earliest()) == 0, "earliest");
      check(offset(admin, partition, OffsetSpec.latest()) == 100, "latest");
      check(offset(admin, partition, OffsetSpec.maxTimestamp()) == 99, "max timestamp");
      long at = offset(admin, partition, OffsetSpec.forTimestamp(1_505));
      check(at == 51, "a timestamp inside a compressed batch: " + at);
      check(offset(admin, partition, OffsetSpec.forTimestamp(9_999)) == -1, "no such timestamp");
    }
    try (KafkaConsumer<String, String> consumer = consumer(Map.of())) {
      consumer.assign(List.of(partition));
      consumer.seek(partition, 97);
      check(consumer.poll(Duration.ofSeconds(10)).count() == 3, "three from 97");
      check(consumer.beginningOffsets(List.of(partition)).get(partition) == 0, "beginning");
      check(consumer.endOffsets(List.of(partition)).get(partition) == 100, "end");
      consumer.seek(partition, 5_000);
      check(consumer.poll(Duration.ofSeconds(10)).iterator().next().offset() == 0, "out of range resets to earliest");
    }
  }

  // Groups

  private static void groupRebalance() throws Exception {
    rebalance("group", Map.of("heartbeat.interval.ms", "200"));
  }

  private static void cooperativeRebalance() throws Exception {
    rebalance("cooperative", Map.of("heartbeat.interval.ms", "200",
        "partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"));
  }

  static void rebalance(String name, Map<String, Object> settings) throws Exception {
    String topic = create(name, 4);
    Map<String, Object> group = new TreeMap<>(settings);
    group.put("group.id", prefix + name);
    Set<String> seen = new HashSet<>();
    try (KafkaProducer<String, String> producer = producer(Map.of()); KafkaConsumer<String, String> first = consumer(group)) {
      for (int i = 0; i < 40; i++) producer.send(new ProducerRecord<>(topic, i % 4, null, "a" + i));
      producer.flush();
      first.subscribe(List.of(topic));
      pollUntil(() -> first.assignment().size() == 4 && seen.size() == 40, seen, first);
      KafkaConsumer<String, String> second = consumer(group);
      second.subscribe(List.of(topic));
      pollUntil(() -> first.assignment().size() == 2 && second.assignment().size() == 2, seen, first, second);
      for (int i = 0; i < 40; i++) producer.send(new ProducerRecord<>(topic, i % 4, null, "b" + i));
      producer.flush();
      pollUntil(() -> seen.size() == 80, seen, first, second);
      second.commitSync();
      second.close();
      pollUntil(() -> first.assignment().size() == 4, seen, first);
      for (int i = 0; i < 40; i++) producer.send(new ProducerRecord<>(topic, i % 4, null, "c" + i));
      producer.flush();
      pollUntil(() -> seen.size() == 120, seen, first);
      first.commitSync();
      long committed = first.committed(first.assignment()).values().stream().mapToLong(OffsetAndMetadata::offset).sum();
      check(committed == 120, "committed " + committed);
    }
    try (KafkaConsumer<String, String> later = consumer(group); KafkaProducer<String, String> producer = producer(Map.of())) {
      producer.send(new ProducerRecord<>(topic, 0, null, "last")).get();
      later.subscribe(List.of(topic));
      Set<String> afterwards = new HashSet<>();
      pollUntil(() -> !afterwards.isEmpty(), afterwards, later);
      check(afterwards.equals(Set.of("last")), "goes on from the committed offsets, not " + afterwards);
    }
  }

  private static void staticMember() throws Exception {
    String topic = create("static", 2);
    Map<String, Object> group = Map.of("group.id", prefix + "static", "group.instance.id", "member-1");
    int[] rebalances = new int[1];
    for (int round = 0; round < 2; round++) {
      try (KafkaConsumer<String, String> consumer = consumer(group)) {
        consumer.subscribe(List.of(topic), new ConsumerRebalanceListener() {
          @Override public void onPartitionsRevoked(Collection<TopicPartition> partitions) {}
          @Override public void onPartitionsAssigned(Collection<TopicPartition> partitions) { rebalances[0]++; }
        });
        pollUntil(() -> consumer.assignment().size() == 2, new HashSet<>(), consumer);
        check(consumer.groupMetadata().generationId() == 1, "a static member keeps its generation, not "
            + consumer.groupMetadata().generationId());
      }
    }
    check(rebalances[0] == 2, "assigned once for each start");
  }

  private static void groupsAdmin() throws Exception {
    String topic = create("groups-admin", 1);
    String group = prefix + "groups-admin";
    TopicPartition partition = new TopicPartition(topic, 0);
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      try (KafkaConsumer<String, String> consumer = consumer(Map.of("group.id", group, "enable.auto.commit", "false"))) {
        consumer.subscribe(List.of(topic));
        pollUntil(() -> consumer.assignment().size() == 1, new HashSet<>(), consumer);
        consumer.commitSync(Map.of(partition, new OffsetAndMetadata(0, "a note")));
        var description = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        check(description.members().size() == 1, "one member");
        check(description.groupState().toString().equals("Stable"), "stable, not " + description.groupState());
        check(description.members().iterator().next().assignment().topicPartitions().equals(Set.of(partition)), "assignment");
        check(admin.listGroups().all().get().stream().anyMatch((each) -> each.groupId().equals(group)), "listed");
        expectCause("GroupNotEmptyException", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
      }
      var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      check(offsets.get(partition).metadata().equals("a note"), "offset metadata");
      admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(0))).all().get();
      check(admin.describeConsumerGroups(List.of(group)).all().get().get(group).groupState().toString().equals("Empty"), "empty");
      admin.deleteConsumerGroups(List.of(group)).all().get();
      expectCause("GroupIdNotFoundException", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
    }
  }

  // Transactions

  private static void transactions() throws Exception {
    String topic = create("transactions", 2);
    try (KafkaProducer<String, String> producer = producer(Map.of("transactional.id", prefix + "transactions"));
        KafkaConsumer<String, String> committed = consumer(Map.of("isolation.level", "read_committed"));
        KafkaConsumer<String, String> uncommitted = consumer(Map.of());
        Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      producer.initTransactions();
      for (int round = 0; round < 6; round++) {
        producer.beginTransaction();
        for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>(topic, i % 2, null, (round % 2 == 0 ? "commit" : "abort") + round + "-" + i));
        if (round % 2 == 0) producer.commitTransaction();
        else {
          producer.flush();
          producer.abortTransaction();
        }
      }
      producer.beginTransaction();
      producer.send(new ProducerRecord<>(topic, 0, null, "open")).get();
      TopicPartition partition = new TopicPartition(topic, 0);
      long stable = admin.listOffsets(Map.of(partition, OffsetSpec.latest()), new ListOffsetsOptions(IsolationLevel.READ_COMMITTED))
          .all().get().get(partition).offset();
      check(stable == 36, "last stable offset " + stable);
      check(offset(admin, partition, OffsetSpec.latest()) == 37, "high watermark");
      var values = readAll(committed, topic, 2, 30).stream().map(ConsumerRecord::value).toList();
      check(values.stream().allMatch((value) -> value.startsWith("commit")), "only committed records");
      check(readAll(uncommitted, topic, 2, 61).size() == 61, "all records without isolation");
      check(committed.poll(Duration.ofMillis(300)).isEmpty(), "an open transaction is not shown");
      check(admin.listTransactions().all().get().stream().anyMatch((each) -> each.transactionalId().equals(prefix + "transactions")), "listed");
      check(admin.describeTransactions(List.of(prefix + "transactions")).all().get().get(prefix + "transactions").topicPartitions()
          .contains(partition), "described");
      producer.commitTransaction();
      var last = new ArrayList<String>();
      long deadline = System.currentTimeMillis() + 10_000;
      while (last.isEmpty() && System.currentTimeMillis() < deadline) {
        committed.poll(Duration.ofMillis(500)).forEach((record) -> last.add(record.value()));
      }
      check(last.equals(List.of("open")), "shown once it is committed");
    }
  }

  static void transactionOffsets(String name, Map<String, Object> settings) throws Exception {
    String in = create(name + "-in", 1);
    String out = create(name + "-out", 1);
    Map<String, Object> group = new TreeMap<>(settings);
    group.putAll(Map.of("group.id", prefix + name, "enable.auto.commit", "false", "isolation.level", "read_committed",
        "max.poll.records", "10"));
    try (KafkaProducer<String, String> producer = producer(Map.of())) {
      for (int i = 0; i < 20; i++) producer.send(new ProducerRecord<>(in, 0, null, "v" + i));
    }
    for (int round = 0; round < 3; round++) {
      try (KafkaConsumer<String, String> consumer = consumer(group);
          KafkaProducer<String, String> producer = producer(Map.of("transactional.id", prefix + name))) {
        producer.initTransactions();
        consumer.subscribe(List.of(in));
        List<ConsumerRecord<String, String>> read = new ArrayList<>();
        long deadline = System.currentTimeMillis() + 20_000;
        while (read.isEmpty() && System.currentTimeMillis() < deadline) consumer.poll(Duration.ofMillis(200)).forEach(read::add);
        check(read.size() == 10, "ten records in round " + round);
        check(read.get(0).offset() == (round == 2 ? 10 : 0), "round " + round + " starts at " + read.get(0).offset());
        producer.beginTransaction();
        for (var record : read) producer.send(new ProducerRecord<>(out, 0, null, record.value() + " in round " + round));
        producer.sendOffsetsToTransaction(
            Map.of(new TopicPartition(in, 0), new OffsetAndMetadata(read.get(9).offset() + 1)), consumer.groupMetadata());
        if (round == 0) producer.abortTransaction();
        else producer.commitTransaction();
      }
    }
    try (KafkaConsumer<String, String> consumer = consumer(Map.of("isolation.level", "read_committed"))) {
      List<String> values = readAll(consumer, out, 1, 20).stream().map(ConsumerRecord::value).toList();
      check(values.get(0).equals("v0 in round 1") && values.get(19).equals("v19 in round 2"), "each once: " + values);
    }
  }

  private static void fencing() throws Exception {
    String topic = create("fencing", 1);
    Map<String, Object> settings = Map.of("transactional.id", prefix + "fencing");
    try (KafkaProducer<String, String> old = producer(settings); KafkaProducer<String, String> young = producer(settings)) {
      old.initTransactions();
      old.beginTransaction();
      old.send(new ProducerRecord<>(topic, "from the old")).get();
      young.initTransactions();
      young.beginTransaction();
      young.send(new ProducerRecord<>(topic, "from the young")).get();
      expect(ProducerFencedException.class, old::commitTransaction);
      young.commitTransaction();
    }
    try (KafkaConsumer<String, String> consumer = consumer(Map.of("isolation.level", "read_committed"))) {
      check(readAll(consumer, topic, 1, 1).get(0).value().equals("from the young"), "only the young one's record");
    }
  }

  // What the scenarios share

  static String create(String name, int partitions) throws Exception {
    String topic = prefix + name;
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
      admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
    }
    return topic;
  }

  static KafkaProducer<String, String> producer(Map<String, Object> settings) {
    Properties all = new Properties();
    all.put("bootstrap.servers", bootstrap);
    all.put("delivery.timeout.ms", "20000");
    all.put("request.timeout.ms", "10000");
    all.put("max.block.ms", "20000");
    all.putAll(settings);
    return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
  }

  static KafkaConsumer<String, String> consumer(Map<String, Object> settings) {
    Properties all = new Properties();
    all.put("bootstrap.servers", bootstrap);
    all.put("auto.offset.reset", "earliest");
    all.put("default.api.timeout.ms", "20000");
    all.putAll(settings);
    return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
  }

  /** Reads a topic from its beginning until `count` records have come; throws when they do not. */
  static List<ConsumerRecord<String, String>> readAll(KafkaConsumer<String, String> consumer, String topic, int partitions, int count) {
    List<TopicPartition> all = new ArrayList<>();
    for (int i = 0; i < partitions; i++) all.add(new TopicPartition(topic, i));
    consumer.assign(all);
    consumer.seekToBeginning(all);
    List<ConsumerRecord<String, String>> records = new ArrayList<>();
    long deadline = System.currentTimeMillis() + 20_000;
    while (records.size() < count && System.currentTimeMillis() < deadline) consumer.poll(Duration.ofMillis(500)).forEach(records::add);
    check(records.size() == count, records.size() + " records of " + count + " in " + topic);
    return records;
  }

  interface Condition {
    boolean holds();
  }

  @SafeVarargs
  static void pollUntil(Condition condition, Set<String> seen, KafkaConsumer<String, String>... consumers) {
    long deadline = System.currentTimeMillis() + 20_000;
    while (!condition.holds()) {
      check(System.currentTimeMillis() < deadline, "still waiting after 20 s: seen " + seen.size() + ", assigned "
          + List.of(consumers).stream().map((consumer) -> consumer.assignment().toString()).toList());
      for (KafkaConsumer<String, String> consumer : consumers) {
        consumer.poll(Duration.ofMillis(50)).forEach((record) -> seen.add(record.value()));
      }
    }
  }

  static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }

  static void expect(Class<? extends Throwable> expected, Scenario body) {
    expectCause(expected.getSimpleName(), body);
  }

  static void expectCause(String expected, Scenario body) {
    try {
      body.run();
    } catch (Exception error) {
      Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
      for (Throwable each = cause; each != null; each = each.getCause()) {
        if (each.getClass().getSimpleName().equals(expected)) return;
      }
      throw new AssertionError("expected " + expected + ", got " + cause, cause);
    }
    throw new AssertionError("expected " + expected + ", nothing was thrown");
  }
}
