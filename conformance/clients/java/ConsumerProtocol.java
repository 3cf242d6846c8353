import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ListGroupsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.GroupState;
import org.apache.kafka.common.GroupType;
import org.apache.kafka.common.TopicPartition;

/** Scenarios of the consumer group protocol (KIP-848): {@code group.protocol=consumer}. */
final class ConsumerProtocol {
  private static final Map<String, Object> CONSUMER = Map.of("group.protocol", "consumer");

  private ConsumerProtocol() {}

  static void addTo(Map<String, JavaClients.Scenario> scenarios) {
    scenarios.put("consumer-protocol", () -> JavaClients.rebalance("consumer-protocol", CONSUMER));
    scenarios.put("consumer-protocol-admin", ConsumerProtocol::administration);
    scenarios.put("consumer-protocol-migration", ConsumerProtocol::migration);
    scenarios.put("consumer-protocol-regex", ConsumerProtocol::regex);
    scenarios.put("consumer-protocol-static", ConsumerProtocol::staticMember);
    scenarios.put("consumer-protocol-topics", ConsumerProtocol::topics);
    scenarios.put("consumer-protocol-transactions", () -> JavaClients.transactionOffsets("consumer-protocol-transfer", CONSUMER));
  }

  private static KafkaConsumer<String, String> member(String group, Map<String, Object> settings) {
    Map<String, Object> all = new TreeMap<>(settings);
    all.put("group.id", JavaClients.prefix + group);
    return JavaClients.consumer(all);
  }

  private static Admin admin() {
    return Admin.create(Map.of("bootstrap.servers", JavaClients.bootstrap));
  }

  private static ConsumerGroupDescription describe(Admin admin, String group) throws Exception {
    return admin.describeConsumerGroups(List.of(group)).all().get().get(group);
  }

  private static void administration() throws Exception {
    String topic = JavaClients.create("consumer-admin", 2);
    String group = JavaClients.prefix + "consumer-admin";
    TopicPartition partition = new TopicPartition(topic, 0);
    try (Admin admin = admin()) {
      try (var consumer = member("consumer-admin", Map.of("group.protocol", "consumer", "group.remote.assignor", "range",
          "enable.auto.commit", "false"))) {
        consumer.subscribe(List.of(topic));
        JavaClients.pollUntil(() -> consumer.assignment().size() == 2, new HashSet<>(), consumer);
        consumer.commitSync(Map.of(partition, new OffsetAndMetadata(0, "a note")));
        var described = describe(admin, group);
        JavaClients.check(described.type() == GroupType.CONSUMER, "type " + described.type());
        JavaClients.check(described.groupState() == GroupState.STABLE, "state " + described.groupState());
        JavaClients.check(described.partitionAssignor().equals("range"), "assignor " + described.partitionAssignor());
        JavaClients.check(described.groupEpoch().equals(described.targetAssignmentEpoch()), "epochs " + described);
        var member = described.members().iterator().next();
        JavaClients.check(member.memberEpoch().equals(described.groupEpoch()), "epoch of " + member);
        JavaClients.check(member.targetAssignment().get().topicPartitions().size() == 2, "target of " + member);
        JavaClients.check(member.upgraded().equals(Optional.of(true)), "member type of " + member);
        var listed = admin.listGroups(new ListGroupsOptions().withTypes(Set.of(GroupType.CONSUMER))
            .inGroupStates(Set.of(GroupState.STABLE))).all().get();
        JavaClients.check(listed.stream().anyMatch((each) -> each.groupId().equals(group)), "listed by type and state");
        JavaClients.check(admin.listGroups(new ListGroupsOptions().withTypes(Set.of(GroupType.CLASSIC))).all().get().stream()
            .noneMatch((each) -> each.groupId().equals(group)), "not listed as classic");
        JavaClients.expectCause("GroupNotEmptyException", () -> admin.deleteConsumerGroups(List.of(group)).all().get());
        JavaClients.expectCause("GroupSubscribedToTopicException",
            () -> admin.deleteConsumerGroupOffsets(group, Set.of(partition)).partitionResult(partition).get());
        JavaClients.expectCause("UnknownMemberIdException",
            () -> admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(1))).all().get());
      }
      JavaClients.check(describe(admin, group).groupState() == GroupState.EMPTY, "empty");
      var offsets = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get();
      JavaClients.check(offsets.get(partition).metadata().equals("a note"), "offset metadata");
      admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(0))).all().get();
      admin.deleteConsumerGroupOffsets(group, Set.of(partition)).partitionResult(partition).get();
      admin.deleteConsumerGroups(List.of(group)).all().get();
      JavaClients.expectCause("GroupIdNotFoundException", () -> describe(admin, group));
    }
  }

  /** An application goes to the new protocol and back, member by member, and reads every record once or more. */
  private static void migration() throws Exception {
    String topic = JavaClients.create("consumer-migration", 4);
    String group = JavaClients.prefix + "consumer-migration";
    Map<String, Object> classic = Map.of("heartbeat.interval.ms", "200",
        "partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");
    List<Map<String, Object>> generations = List.of(classic, classic, CONSUMER, CONSUMER, classic, classic);
    List<GroupType> types = List.of(GroupType.CLASSIC, GroupType.CLASSIC, GroupType.CONSUMER, GroupType.CONSUMER,
        GroupType.CONSUMER, GroupType.CLASSIC);
    Set<String> seen = new HashSet<>();
    List<KafkaConsumer<String, String>> members = new ArrayList<>();
    int sent = 0;
    try (Admin admin = admin(); KafkaProducer<String, String> producer = JavaClients.producer(Map.of())) {
      for (int step = 0; step < generations.size(); step++) {
        var next = member("consumer-migration", generations.get(step));
        next.subscribe(List.of(topic));
        members.add(next);
        if (members.size() > 2) members.remove(0).close();
        int wanted = members.size();
        @SuppressWarnings("unchecked")
        KafkaConsumer<String, String>[] all = members.toArray(new KafkaConsumer[0]);
        JavaClients.pollUntil(() -> members.stream().allMatch((each) -> each.assignment().size() == 4 / wanted), seen, all);
        for (int i = 0; i < 20; i++) producer.send(new ProducerRecord<>(topic, i % 4, null, "step " + step + " record " + i));
        producer.flush();
        sent += 20;
        int expected = sent;
        JavaClients.pollUntil(() -> seen.size() == expected, seen, all);
        var described = describe(admin, group);
        JavaClients.check(described.type() == types.get(step), "in step " + step + " the group is " + described.type());
        JavaClients.check(described.members().size() == wanted, "members in step " + step + ": " + described.members());
      }
      for (var each : members) each.close();
      long committed = admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().values().stream()
          .mapToLong(OffsetAndMetadata::offset).sum();
      JavaClients.check(committed == sent, "committed " + committed + " of " + sent);
    }
  }

  private static void regex() throws Exception {
    JavaClients.create("consumer-regex-a", 2);
    JavaClients.create("consumer-other", 1);
    try (var consumer = member("consumer-regex", CONSUMER); Admin admin = admin()) {
      consumer.subscribe(new SubscriptionPattern(JavaClients.prefix + "consumer-regex-[a-z]"));
      JavaClients.pollUntil(() -> consumer.assignment().size() == 2, new HashSet<>(), consumer);
      admin.createTopics(List.of(new NewTopic(JavaClients.prefix + "consumer-regex-b", 1, (short) 1))).all().get();
      JavaClients.pollUntil(() -> consumer.assignment().size() == 3, new HashSet<>(), consumer);
    }
    try (var consumer = member("consumer-regex-bad", CONSUMER)) {
      consumer.subscribe(new SubscriptionPattern("(["));
      JavaClients.expectCause("InvalidRegularExpression",
          () -> JavaClients.pollUntil(() -> false, new HashSet<>(), consumer));
    }
  }

  private static void staticMember() throws Exception {
    String topic = JavaClients.create("consumer-static", 4);
    Map<String, Object> one = Map.of("group.protocol", "consumer", "group.instance.id", "one");
    Map<String, Object> two = Map.of("group.protocol", "consumer", "group.instance.id", "two");
    try (Admin admin = admin(); var other = member("consumer-static", two)) {
      var before = member("consumer-static", one);
      before.subscribe(List.of(topic));
      other.subscribe(List.of(topic));
      JavaClients.pollUntil(() -> before.assignment().size() == 2 && other.assignment().size() == 2, new HashSet<>(), before, other);
      var had = before.assignment();
      int epoch = describe(admin, JavaClients.prefix + "consumer-static").groupEpoch().get();
      try (var twin = member("consumer-static", one)) {
        twin.subscribe(List.of(topic));
        JavaClients.expectCause("UnreleasedInstanceIdException", () -> JavaClients.pollUntil(() -> false, new HashSet<>(), twin));
      }
      before.close();
      try (var after = member("consumer-static", one)) {
        after.subscribe(List.of(topic));
        JavaClients.pollUntil(() -> after.assignment().size() == 2, new HashSet<>(), after, other);
        JavaClients.check(after.assignment().equals(had), "the same partitions: " + after.assignment() + ", not " + had);
        var described = describe(admin, JavaClients.prefix + "consumer-static");
        JavaClients.check(described.groupEpoch().get() == epoch, "nobody was rebalanced: " + described);
        JavaClients.check(described.members().stream().map((each) -> each.groupInstanceId().get()).collect(Collectors.toSet())
            .equals(Set.of("one", "two")), "instances of " + described);
      }
    }
  }

  /** Topics that grow, come after they were subscribed to, and go. */
  private static void topics() throws Exception {
    String topic = JavaClients.create("consumer-topics", 1);
    String later = JavaClients.prefix + "consumer-topics-later";
    try (var consumer = member("consumer-topics", Map.of("group.protocol", "consumer", "allow.auto.create.topics", "false"));
        Admin admin = admin()) {
      consumer.subscribe(List.of(topic, later));
      JavaClients.pollUntil(() -> consumer.assignment().size() == 1, new HashSet<>(), consumer);
      admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
      JavaClients.pollUntil(() -> consumer.assignment().size() == 3, new HashSet<>(), consumer);
      admin.createTopics(List.of(new NewTopic(later, 2, (short) 1))).all().get();
      JavaClients.pollUntil(() -> consumer.assignment().size() == 5, new HashSet<>(), consumer);
      admin.deleteTopics(List.of(topic)).all().get();
      JavaClients.pollUntil(() -> consumer.assignment().size() == 2, new HashSet<>(), consumer);
    }
  }
}
