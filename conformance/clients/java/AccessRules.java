import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AccessControlEntryFilter;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.ClusterAuthorizationException;
import org.apache.kafka.common.errors.GroupAuthorizationException;
import org.apache.kafka.common.errors.TopicAuthorizationException;
import org.apache.kafka.common.errors.TransactionalIdAuthorizationException;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourcePatternFilter;
import org.apache.kafka.common.resource.ResourceType;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/**
 * Kafka's own Java clients where access rules hold: what they throw where they may not, and that they work where they may.
 * Usage: AccessRules OFFICE SECURED. At the first address everybody is a super user; at the second one logs in as alice by
 * SASL PLAIN with her name for a password. Prints "ok NAME" or "not ok NAME: why" for each scenario.
 */
public final class AccessRules {
  static String office;
  static String secured;

  interface Scenario {
    void run() throws Exception;
  }

  public static void main(String[] args) {
    office = args[0];
    secured = args[1];
    Map<String, Scenario> scenarios = new TreeMap<>();
    scenarios.put("administration", AccessRules::administration);
    scenarios.put("consumer", AccessRules::consumer);
    scenarios.put("operations", AccessRules::operations);
    scenarios.put("producer", AccessRules::producer);
    scenarios.put("transactions", AccessRules::transactions);
    boolean failed = false;
    for (Map.Entry<String, Scenario> each : scenarios.entrySet()) {
      try (Admin admin = Admin.create(Map.of("bootstrap.servers", office))) {
        admin.deleteAcls(List.of(AclBindingFilter.ANY)).all().get();
        each.getValue().run();
        System.out.println("ok " + each.getKey());
      } catch (Throwable error) {
        failed = true;
        System.out.println(("not ok " + each.getKey() + ": " + error + " at " + error.getStackTrace()[0]).replace('\n', ' '));
      }
      System.out.flush();
    }
    System.exit(failed ? 1 : 0);
  }

  private static void producer() throws Exception {
    create("written");
    try (KafkaProducer<String, String> producer = producerOf(Map.of())) {
      // Who may write to no topic at all gets no producer id either.
      expect(Exception.class, () -> producer.send(new ProducerRecord<>("written", "a")).get());
    }
    try (KafkaProducer<String, String> producer = producerOf(Map.of("enable.idempotence", "false"))) {
      expect(TopicAuthorizationException.class, () -> producer.send(new ProducerRecord<>("written", "a")).get());
    }
    allow(ResourceType.TOPIC, "wri", PatternType.PREFIXED, AclOperation.WRITE);
    try (KafkaProducer<String, String> producer = producerOf(Map.of())) {
      producer.send(new ProducerRecord<>("written", "a")).get();
      expect(TopicAuthorizationException.class, () -> producer.send(new ProducerRecord<>("other", "a")).get());
      producer.send(new ProducerRecord<>("written", "b")).get();
      change(AclPermissionType.DENY, ResourceType.TOPIC, "written", PatternType.LITERAL, AclOperation.ALL);
      expect(TopicAuthorizationException.class, () -> producer.send(new ProducerRecord<>("written", "c")).get());
    }
  }

  private static void transactions() throws Exception {
    create("moved");
    allow(ResourceType.TOPIC, "moved", PatternType.LITERAL, AclOperation.WRITE);
    Map<String, String> settings = Map.of("transactional.id", "move");
    try (KafkaProducer<String, String> producer = producerOf(settings)) {
      expect(TransactionalIdAuthorizationException.class, producer::initTransactions);
    }
    allow(ResourceType.TRANSACTIONAL_ID, "move", PatternType.LITERAL, AclOperation.WRITE);
    try (KafkaProducer<String, String> producer = producerOf(settings)) {
      producer.initTransactions();
      producer.beginTransaction();
      producer.send(new ProducerRecord<>("moved", "a")).get();
      producer.commitTransaction();
    }
  }

  private static void consumer() throws Exception {
    create("read");
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", office))) {
      Map<String, Object> all = Map.of("bootstrap.servers", office);
      try (KafkaProducer<String, String> producer = new KafkaProducer<>(all, new StringSerializer(), new StringSerializer())) {
        producer.send(new ProducerRecord<>("read", "a")).get();
      }
    }
    try (KafkaConsumer<String, String> consumer = consumerOf()) {
      consumer.assign(List.of(new TopicPartition("read", 0)));
      consumer.seek(new TopicPartition("read", 0), 0);
      expect(TopicAuthorizationException.class, () -> poll(consumer));
    }
    allow(ResourceType.TOPIC, "read", PatternType.LITERAL, AclOperation.READ);
    try (KafkaConsumer<String, String> consumer = consumerOf()) {
      consumer.subscribe(List.of("read"));
      expect(GroupAuthorizationException.class, () -> poll(consumer));
    }
    allow(ResourceType.GROUP, "*", PatternType.LITERAL, AclOperation.READ);
    try (KafkaConsumer<String, String> consumer = consumerOf()) {
      consumer.subscribe(List.of("read"));
      check(poll(consumer) == 1, "the record is read");
      consumer.commitSync();
      check(consumer.listTopics().keySet().equals(Set.of("read")), "only the topic that may be read is listed");
    }
  }

  private static void administration() throws Exception {
    try (Admin admin = Admin.create(login(new HashMap<>()))) {
      NewTopic wanted = new NewTopic("made", 1, (short) 1);
      expect(TopicAuthorizationException.class, () -> admin.createTopics(List.of(wanted)).all().get());
      expect(ClusterAuthorizationException.class, () -> admin.describeAcls(AclBindingFilter.ANY).values().get());
      expect(ClusterAuthorizationException.class, () -> admin.describeConfigs(List.of(
          new ConfigResource(ConfigResource.Type.BROKER, "1"))).all().get());
      expect(GroupAuthorizationException.class, () -> admin.describeConsumerGroups(List.of("g")).all().get());
      check(admin.listTopics().names().get().isEmpty(), "no topic is shown");
      allow(ResourceType.TOPIC, "made", PatternType.LITERAL, AclOperation.CREATE);
      admin.createTopics(List.of(wanted)).all().get();
      expect(TopicAuthorizationException.class, () -> admin.deleteTopics(List.of("made")).all().get());
      allow(ResourceType.TOPIC, "made", PatternType.LITERAL, AclOperation.DELETE);
      admin.deleteTopics(List.of("made")).all().get();
      allow(ResourceType.CLUSTER, "kafka-cluster", PatternType.LITERAL, AclOperation.DESCRIBE);
      Collection<AclBinding> rules = admin.describeAcls(new AclBindingFilter(
          new ResourcePatternFilter(ResourceType.TOPIC, "made", PatternType.MATCH), AccessControlEntryFilter.ANY)).values().get();
      check(rules.size() == 2, "rules are shown");
    }
  }

  private static void operations() throws Exception {
    create("seen");
    allow(ResourceType.TOPIC, "seen", PatternType.LITERAL, AclOperation.READ);
    try (Admin admin = Admin.create(login(new HashMap<>()))) {
      var options = new DescribeTopicsOptions().includeAuthorizedOperations(true);
      var operations = admin.describeTopics(List.of("seen"), options).allTopicNames().get().get("seen").authorizedOperations();
      check(operations.equals(Set.of(AclOperation.READ, AclOperation.DESCRIBE)), "operations: " + operations);
    }
  }

  private static void create(String topic) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", office))) {
      admin.createTopics(List.of(new NewTopic(topic, 1, (short) 1))).all().get();
    }
  }

  private static void allow(ResourceType type, String name, PatternType pattern, AclOperation operation) throws Exception {
    change(AclPermissionType.ALLOW, type, name, pattern, operation);
  }

  private static void change(
      AclPermissionType permission, ResourceType type, String name, PatternType pattern, AclOperation operation) throws Exception {
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", office))) {
      AclBinding rule = new AclBinding(
          new ResourcePattern(type, name, pattern), new AccessControlEntry("User:alice", "*", operation, permission));
      admin.createAcls(List.of(rule)).all().get();
      // A Kafka's brokers hear of it a little later.
      while (!admin.describeAcls(rule.toFilter()).values().get().contains(rule)) Thread.sleep(20);
    }
  }

  private static Map<String, Object> login(Map<String, Object> settings) {
    settings.put("bootstrap.servers", secured);
    settings.put("security.protocol", "SASL_PLAINTEXT");
    settings.put("sasl.mechanism", "PLAIN");
    settings.put("sasl.jaas.config",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"alice\" password=\"alice\";");
    return settings;
  }

  private static KafkaProducer<String, String> producerOf(Map<String, String> settings) {
    Map<String, Object> all = login(new HashMap<>(settings));
    all.put("max.block.ms", "20000");
    return new KafkaProducer<>(all, new StringSerializer(), new StringSerializer());
  }

  private static KafkaConsumer<String, String> consumerOf() {
    Map<String, Object> all = login(new HashMap<>(Map.of("group.id", "readers", "auto.offset.reset", "earliest")));
    return new KafkaConsumer<>(all, new StringDeserializer(), new StringDeserializer());
  }

  private static int poll(KafkaConsumer<String, String> consumer) {
    for (int tries = 0; tries < 100; tries++) {
      int count = consumer.poll(Duration.ofMillis(200)).count();
      if (count > 0) return count;
    }
    return 0;
  }

  private static void expect(Class<? extends Throwable> kind, Scenario action) throws Exception {
    try {
      action.run();
    } catch (Throwable error) {
      Throwable cause = error instanceof ExecutionException ? error.getCause() : error;
      if (kind.isInstance(cause)) return;
      throw new AssertionError("expected " + kind.getSimpleName() + ", got " + cause);
    }
    throw new AssertionError("expected " + kind.getSimpleName());
  }

  private static void check(boolean holds, String what) {
    if (!holds) throw new AssertionError(what);
  }
}
