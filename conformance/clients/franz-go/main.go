// Scenarios over franz-go, with default settings wherever the scenario does not need others.
// Usage: client BOOTSTRAP PREFIX [SCENARIO ...]. Prints "ok NAME" or "not ok NAME: why" for each scenario.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

var bootstrap, prefix string

var scenarios = []struct {
	name string
	run  func(context.Context) error
}{
	{"admin", admin},
	{"produce-consume", produceConsume},
	{"compression", compression},
	{"topic-made-again", topicMadeAgain},
	{"group-rebalance", groupRebalance},
	{"consumer-protocol", consumerProtocol},
	{"groups-admin", groupsAdmin},
	{"transactions", transactions},
	{"transact-session", transactSession},
	{"fencing", fencing},
}

func main() {
	bootstrap, prefix = os.Args[1], os.Args[2]
	failed := false
	for _, each := range scenarios {
		if len(os.Args) > 3 && !slices.Contains(os.Args[3:], each.name) {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
		err := each.run(ctx)
		cancel()
		if err != nil {
			failed = true
			fmt.Printf("not ok %s: %s\n", each.name, strings.ReplaceAll(err.Error(), "\n", " "))
			continue
		}
		fmt.Printf("ok %s\n", each.name)
	}
	if failed {
		os.Exit(1)
	}
}

func admin(ctx context.Context) error {
	client := open()
	defer client.Close()
	adm, topic := kadm.NewClient(client), prefix+"admin"
	if _, err := adm.CreateTopic(ctx, 2, 1, map[string]*string{"retention.ms": kadm.StringPtr("3600000")}, topic); err != nil {
		return err
	}
	if _, err := adm.CreateTopic(ctx, 2, 1, nil, topic); !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("a topic made twice: %v", err)
	}
	if grown, err := adm.UpdatePartitions(ctx, 4, topic); err != nil || grown.Error() != nil {
		return fmt.Errorf("partitions: %v %v", err, grown.Error())
	}
	details, err := adm.ListTopics(ctx, topic)
	if err != nil || len(details[topic].Partitions) != 4 {
		return fmt.Errorf("four partitions, not %d: %v", len(details[topic].Partitions), err)
	}
	configs, err := adm.DescribeTopicConfigs(ctx, topic)
	if err != nil {
		return err
	}
	for _, config := range configs[0].Configs {
		if config.Key == "retention.ms" && config.MaybeValue() != "3600000" {
			return fmt.Errorf("retention.ms is %s", config.MaybeValue())
		}
	}
	_, err = adm.DeleteTopic(ctx, topic)
	return err
}

func produceConsume(ctx context.Context) error {
	topic, err := create(ctx, "produce-consume", 3)
	if err != nil {
		return err
	}
	client := open(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	defer client.Close()
	var records []*kgo.Record
	for i := range 300 {
		records = append(records, &kgo.Record{
			Topic: topic, Partition: int32(i % 3), Key: fmt.Appendf(nil, "k%d", i), Value: fmt.Appendf(nil, "v%d", i),
			Timestamp: time.UnixMilli(1_700_000_000_000 + int64(i)),
			Headers:   []kgo.RecordHeader{{Key: "n", Value: fmt.Append(nil, i)}},
		})
	}
	if err := client.ProduceSync(ctx, records...).FirstErr(); err != nil {
		return err
	}
	read, err := readAll(ctx, topic, 300)
	if err != nil {
		return err
	}
	for _, record := range read {
		i := int(record.Offset)*3 + int(record.Partition)
		if string(record.Key) != fmt.Sprintf("k%d", i) || string(record.Value) != fmt.Sprintf("v%d", i) ||
			record.Timestamp.UnixMilli() != 1_700_000_000_000+int64(i) || string(record.Headers[0].Value) != fmt.Sprint(i) {
			return fmt.Errorf("record %d came back as %v", i, record)
		}
	}
	return nil
}

func compression(ctx context.Context) error {
	topic, err := create(ctx, "compression", 1)
	if err != nil {
		return err
	}
	codecs := []kgo.CompressionCodec{kgo.NoCompression(), kgo.GzipCompression(), kgo.SnappyCompression(), kgo.Lz4Compression(), kgo.ZstdCompression()}
	for c, codec := range codecs {
		client := open(kgo.ProducerBatchCompression(codec), kgo.ProducerLinger(50*time.Millisecond))
		var records []*kgo.Record
		for i := range 200 {
			records = append(records, &kgo.Record{Topic: topic, Value: fmt.Appendf(nil, "%d %d %s", c, i, strings.Repeat("abcdefgh", 50))})
		}
		err := client.ProduceSync(ctx, records...).FirstErr()
		client.Close()
		if err != nil {
			return err
		}
	}
	read, err := readAll(ctx, topic, 1000)
	if err != nil {
		return err
	}
	for i, record := range read {
		if !strings.HasPrefix(string(record.Value), fmt.Sprintf("%d %d abc", i/200, i%200)) {
			return fmt.Errorf("record %d is %.20s", i, record.Value)
		}
	}
	return nil
}

func topicMadeAgain(ctx context.Context) error {
	topic, err := create(ctx, "made-again", 1)
	if err != nil {
		return err
	}
	client := open(kgo.DefaultProduceTopic(topic))
	defer client.Close()
	if err := client.ProduceSync(ctx, kgo.StringRecord("first")).FirstErr(); err != nil {
		return err
	}
	adm := kadm.NewClient(client)
	before, err := adm.ListTopics(ctx, topic)
	if err != nil {
		return err
	}
	if _, err := adm.DeleteTopic(ctx, topic); err != nil {
		return err
	}
	if _, err := create(ctx, "made-again", 1); err != nil {
		return err
	}
	fresh := open(kgo.DefaultProduceTopic(topic))
	defer fresh.Close()
	after, err := kadm.NewClient(fresh).ListTopics(ctx, topic)
	if err != nil {
		return err
	}
	if before[topic].ID == after[topic].ID {
		return errors.New("a topic made again has its old id")
	}
	if err := fresh.ProduceSync(ctx, kgo.StringRecord("second")).FirstErr(); err != nil {
		return err
	}
	read, err := readAll(ctx, topic, 1)
	if err == nil && string(read[0].Value) != "second" {
		err = fmt.Errorf("read %s", read[0].Value)
	}
	return err
}

func groupRebalance(ctx context.Context) error {
	topic, err := create(ctx, "group", 4)
	if err != nil {
		return err
	}
	group := []kgo.Opt{kgo.ConsumerGroup(prefix + "group"), kgo.ConsumeTopics(topic), kgo.HeartbeatInterval(200 * time.Millisecond),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit()}
	assigned := func(client *kgo.Client) int {
		described, err := kadm.NewClient(client).DescribeGroups(ctx, prefix+"group")
		if err != nil {
			return 0
		}
		member, _ := client.GroupMetadata()
		for _, each := range described[prefix+"group"].Members {
			if assignment, ok := each.Assigned.AsConsumer(); ok && each.MemberID == member && len(assignment.Topics) > 0 {
				return len(assignment.Topics[0].Partitions)
			}
		}
		return 0
	}
	first := open(group...)
	defer first.Close()
	if err := pollUntil(ctx, func(int) bool { return assigned(first) == 4 }, first); err != nil {
		return fmt.Errorf("alone: %w", err)
	}
	second := open(group...)
	if err := pollUntil(ctx, func(int) bool { return assigned(first) == 2 && assigned(second) == 2 }, first, second); err != nil {
		return fmt.Errorf("two members: %w", err)
	}
	writer := open(kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.DefaultProduceTopic(topic))
	defer writer.Close()
	for i := range 40 {
		if err := writer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			return err
		}
	}
	if err := pollUntil(ctx, func(read int) bool { return read == 40 }, first, second); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if err := errors.Join(first.CommitUncommittedOffsets(ctx), second.CommitUncommittedOffsets(ctx)); err != nil {
		return err
	}
	second.Close()
	if err := pollUntil(ctx, func(int) bool { return assigned(first) == 4 }, first); err != nil {
		return fmt.Errorf("one left: %w", err)
	}
	committed, err := kadm.NewClient(first).FetchOffsets(ctx, prefix+"group")
	if err != nil {
		return err
	}
	total := int64(0)
	committed.Each(func(offset kadm.OffsetResponse) { total += offset.At })
	if total != 40 {
		return fmt.Errorf("committed %d", total)
	}
	return nil
}

// consumerProtocol is a rebalance of the consumer group protocol (KIP-848), where the broker assigns.
func consumerProtocol(ctx context.Context) error {
	topic, err := create(ctx, "consumer-protocol", 4)
	if err != nil {
		return err
	}
	count := func(topics map[string][]int32) int32 { return int32(len(topics[topic])) }
	member := func(assigned *atomic.Int32) *kgo.Client {
		return open(kgo.ConsumerGroup(prefix+"consumer-protocol"), kgo.ConsumeTopics(topic),
			kgo.ServerSideBalancer(), kgo.Balancers(kgo.StickyBalancer()), kgo.DisableAutoCommit(),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
			kgo.OnPartitionsAssigned(func(_ context.Context, _ *kgo.Client, topics map[string][]int32) { assigned.Add(count(topics)) }),
			kgo.OnPartitionsRevoked(func(_ context.Context, _ *kgo.Client, topics map[string][]int32) { assigned.Add(-count(topics)) }),
			kgo.OnPartitionsLost(func(_ context.Context, _ *kgo.Client, topics map[string][]int32) { assigned.Add(-count(topics)) }))
	}
	var firsts, seconds atomic.Int32
	first := member(&firsts)
	defer first.Close()
	if err := pollUntil(ctx, func(int) bool { return firsts.Load() == 4 }, first); err != nil {
		return fmt.Errorf("alone: %w", err)
	}
	listed, err := kadm.NewClient(first).ListGroups(ctx)
	if each, ok := listed[prefix+"consumer-protocol"]; err != nil || !ok || each.ProtocolType != "consumer" {
		return fmt.Errorf("listed as %v: %v", each, err)
	}
	second := member(&seconds)
	if err := pollUntil(ctx, func(int) bool { return firsts.Load() == 2 && seconds.Load() == 2 }, first, second); err != nil {
		return fmt.Errorf("two members have %d and %d: %w", firsts.Load(), seconds.Load(), err)
	}
	writer := open(kgo.RecordPartitioner(kgo.RoundRobinPartitioner()), kgo.DefaultProduceTopic(topic))
	defer writer.Close()
	for i := range 40 {
		if err := writer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			return err
		}
	}
	if err := pollUntil(ctx, func(read int) bool { return read == 40 }, first, second); err != nil {
		return fmt.Errorf("reading: %w", err)
	}
	if err := errors.Join(first.CommitUncommittedOffsets(ctx), second.CommitUncommittedOffsets(ctx)); err != nil {
		return err
	}
	if err := second.LeaveGroupContext(ctx); err != nil {
		return err
	}
	second.Close()
	if err := pollUntil(ctx, func(int) bool { return firsts.Load() == 4 }, first); err != nil {
		return fmt.Errorf("one left: %w", err)
	}
	committed, err := kadm.NewClient(first).FetchOffsets(ctx, prefix+"consumer-protocol")
	if err != nil {
		return err
	}
	total := int64(0)
	committed.Each(func(offset kadm.OffsetResponse) { total += offset.At })
	if total != 40 {
		return fmt.Errorf("committed %d", total)
	}
	return nil
}

func groupsAdmin(ctx context.Context) error {
	topic, err := create(ctx, "groups-admin", 1)
	if err != nil {
		return err
	}
	client, group := open(), prefix+"groups-admin"
	defer client.Close()
	adm := kadm.NewClient(client)
	var offsets kadm.Offsets
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: 0, LeaderEpoch: -1, Metadata: "a note"})
	if err := adm.CommitAllOffsets(ctx, group, offsets); err != nil {
		return err
	}
	fetched, err := adm.FetchOffsets(ctx, group)
	if err != nil {
		return err
	}
	if at, ok := fetched.Lookup(topic, 0); !ok || at.Metadata != "a note" {
		return fmt.Errorf("fetched %v", at)
	}
	listed, err := adm.ListGroups(ctx)
	if _, ok := listed[group]; err != nil || !ok {
		return fmt.Errorf("not listed: %v", err)
	}
	if _, err := adm.DeleteGroup(ctx, group); err != nil {
		return err
	}
	if _, err := adm.DeleteGroup(ctx, group); !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("deleted twice: %v", err)
	}
	return nil
}

func transactions(ctx context.Context) error {
	topic, err := create(ctx, "transactions", 1)
	if err != nil {
		return err
	}
	client := open(kgo.TransactionalID(prefix+"transactions"), kgo.DefaultProduceTopic(topic))
	defer client.Close()
	for round := range 4 {
		if err := client.BeginTransaction(); err != nil {
			return err
		}
		for i := range 10 {
			if err := client.ProduceSync(ctx, kgo.StringRecord(fmt.Sprintf("%d %d", round, i))).FirstErr(); err != nil {
				return err
			}
		}
		if err := client.EndTransaction(ctx, round%2 == 0); err != nil {
			return err
		}
	}
	read, err := readAll(ctx, topic, 20, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err != nil {
		return err
	}
	for _, record := range read {
		if record.Value[0] != '0' && record.Value[0] != '2' {
			return fmt.Errorf("an aborted record was shown: %s", record.Value)
		}
	}
	_, err = readAll(ctx, topic, 40, kgo.FetchIsolationLevel(kgo.ReadUncommitted()))
	return err
}

func transactSession(ctx context.Context) error {
	source, err := create(ctx, "session-in", 1)
	if err != nil {
		return err
	}
	target, err := create(ctx, "session-out", 1)
	if err != nil {
		return err
	}
	writer := open(kgo.DefaultProduceTopic(source))
	for i := range 20 {
		if err := writer.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			return err
		}
	}
	writer.Close()
	for round := range 2 {
		session, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(bootstrap), kgo.TransactionalID(prefix+"session"),
			kgo.ConsumerGroup(prefix+"session"), kgo.ConsumeTopics(source), kgo.DefaultProduceTopic(target),
			kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.RequireStableFetchOffsets(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		if err != nil {
			return err
		}
		read := 0
		for read < 20 {
			fetches := session.PollFetches(ctx)
			if err := fetches.Err(); err != nil {
				return fmt.Errorf("round %d, %d read: %w", round, read, err)
			}
			if fetches.NumRecords() == 0 {
				continue
			}
			if err := session.Begin(); err != nil {
				return err
			}
			fetches.EachRecord(func(record *kgo.Record) {
				read++
				session.Produce(ctx, kgo.StringRecord(string(record.Value)), nil)
			})
			committed, err := session.End(ctx, kgo.TransactionEndTry(round == 1))
			if err != nil || committed != (round == 1) {
				return fmt.Errorf("round %d ended with %v %v", round, committed, err)
			}
			if round == 0 {
				break
			}
		}
		session.Close()
	}
	_, err = readAll(ctx, target, 20, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	return err
}

func fencing(ctx context.Context) error {
	topic, err := create(ctx, "fencing", 1)
	if err != nil {
		return err
	}
	settings := []kgo.Opt{kgo.TransactionalID(prefix + "fencing"), kgo.DefaultProduceTopic(topic)}
	old, young := open(settings...), open(settings...)
	defer old.Close()
	defer young.Close()
	if err := old.BeginTransaction(); err != nil {
		return err
	}
	if err := old.ProduceSync(ctx, kgo.StringRecord("from the old")).FirstErr(); err != nil {
		return err
	}
	if err := young.BeginTransaction(); err != nil {
		return err
	}
	if err := young.ProduceSync(ctx, kgo.StringRecord("from the young")).FirstErr(); err != nil {
		return err
	}
	if err := old.EndTransaction(ctx, kgo.TryCommit); err == nil {
		return errors.New("the old producer was not fenced")
	}
	if err := young.EndTransaction(ctx, kgo.TryCommit); err != nil {
		return err
	}
	read, err := readAll(ctx, topic, 1, kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	if err == nil && string(read[0].Value) != "from the young" {
		err = fmt.Errorf("read %s", read[0].Value)
	}
	return err
}

func open(options ...kgo.Opt) *kgo.Client {
	options = append(options, security()...)
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(bootstrap)}, options...)...)
	if err != nil {
		panic(err)
	}
	return client
}

// security is what the environment says about getting in: CLIENT_CA, CLIENT_CERTIFICATE and CLIENT_KEY are files,
// CLIENT_SASL is a mechanism, CLIENT_USER and CLIENT_SECRET are for it (the secret is the token of OAUTHBEARER).
func security() []kgo.Opt {
	var options []kgo.Opt
	if path := os.Getenv("CLIENT_CA"); path != "" {
		pem, err := os.ReadFile(path)
		if err != nil {
			panic(err)
		}
		config := &tls.Config{RootCAs: x509.NewCertPool()}
		config.RootCAs.AppendCertsFromPEM(pem)
		if own := os.Getenv("CLIENT_CERTIFICATE"); own != "" {
			certificate, err := tls.LoadX509KeyPair(own, os.Getenv("CLIENT_KEY"))
			if err != nil {
				panic(err)
			}
			config.Certificates = []tls.Certificate{certificate}
		}
		options = append(options, kgo.DialTLSConfig(config))
	}
	user, secret := os.Getenv("CLIENT_USER"), os.Getenv("CLIENT_SECRET")
	switch os.Getenv("CLIENT_SASL") {
	case "PLAIN":
		options = append(options, kgo.SASL(plain.Auth{User: user, Pass: secret}.AsMechanism()))
	case "SCRAM-SHA-256":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: secret}.AsSha256Mechanism()))
	case "SCRAM-SHA-512":
		options = append(options, kgo.SASL(scram.Auth{User: user, Pass: secret}.AsSha512Mechanism()))
	case "OAUTHBEARER":
		options = append(options, kgo.SASL(oauth.Auth{Token: secret}.AsMechanism()))
	}
	return options
}

func create(ctx context.Context, name string, partitions int32) (string, error) {
	client := open()
	defer client.Close()
	_, err := kadm.NewClient(client).CreateTopic(ctx, partitions, 1, nil, prefix+name)
	return prefix + name, err
}

// readAll reads a topic from its beginning until count records have come.
func readAll(ctx context.Context, topic string, count int, options ...kgo.Opt) ([]*kgo.Record, error) {
	client := open(append(options, kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))...)
	defer client.Close()
	var read []*kgo.Record
	for len(read) < count {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("%d records of %d in %s: %w", len(read), count, topic, err)
		}
		read = append(read, fetches.Records()...)
	}
	if len(read) != count {
		return nil, fmt.Errorf("%d records of %d in %s", len(read), count, topic)
	}
	return read, nil
}

// pollUntil polls all clients in turn until the condition holds for the number of records that came.
func pollUntil(ctx context.Context, holds func(read int) bool, clients ...*kgo.Client) error {
	read := 0
	for !holds(read) {
		for _, client := range clients {
			poll, cancel := context.WithTimeout(ctx, 50*time.Millisecond)
			read += client.PollFetches(poll).NumRecords()
			cancel()
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("after %d records: %w", read, err)
		}
	}
	return nil
}
