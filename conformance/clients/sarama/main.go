// Scenarios over sarama, with default settings wherever the scenario does not need others.
// Usage: client BOOTSTRAP PREFIX. Prints "ok NAME" or "not ok NAME: why" for each scenario.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

var bootstrap, prefix string

const patience = 60 * time.Second

func main() {
	bootstrap, prefix = os.Args[1], os.Args[2]
	failed := false
	for _, each := range []struct {
		name string
		run  func() error
	}{
		{"admin", admin}, {"produce-consume", produceConsume}, {"old-versions", oldVersions},
		{"group-rebalance", groupRebalance}, {"transactions", transactions},
	} {
		if err := each.run(); err != nil {
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

func settings(version sarama.KafkaVersion) *sarama.Config {
	config := sarama.NewConfig()
	config.Version = version
	config.Producer.Return.Successes = true
	config.Consumer.Offsets.Initial = sarama.OffsetOldest
	return config
}

func create(name string, partitions int32) (string, error) {
	client, err := sarama.NewClusterAdmin([]string{bootstrap}, settings(sarama.MaxVersion))
	if err != nil {
		return "", err
	}
	defer client.Close()
	return prefix + name, client.CreateTopic(prefix+name, &sarama.TopicDetail{NumPartitions: partitions, ReplicationFactor: 1}, false)
}

func admin() error {
	topic, err := create("admin", 2)
	if err != nil {
		return err
	}
	if _, err := create("admin", 2); !errors.Is(err, sarama.ErrTopicAlreadyExists) {
		return fmt.Errorf("a topic made twice: %v", err)
	}
	client, err := sarama.NewClusterAdmin([]string{bootstrap}, settings(sarama.MaxVersion))
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.CreatePartitions(topic, 4, nil, false); err != nil {
		return err
	}
	retention := "3600000"
	change := map[string]sarama.IncrementalAlterConfigsEntry{"retention.ms": {Operation: sarama.IncrementalAlterConfigsOperationSet, Value: &retention}}
	if err := client.IncrementalAlterConfig(sarama.TopicResource, topic, change, false); err != nil {
		return err
	}
	described, err := client.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: topic, ConfigNames: []string{"retention.ms"}})
	if err != nil || len(described) != 1 || described[0].Value != retention {
		return fmt.Errorf("retention: %v %v", described, err)
	}
	topics, err := client.ListTopics()
	if err != nil || topics[topic].NumPartitions != 4 {
		return fmt.Errorf("partitions: %v %v", topics[topic], err)
	}
	return client.DeleteTopic(topic)
}

func produceConsume() error {
	codecs := []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD}
	return roundTrip("produce", sarama.MaxVersion, codecs)
}

// The versions of requests that sarama sends to the brokers of long ago, where this one still serves them.
func oldVersions() error {
	for _, version := range []sarama.KafkaVersion{sarama.V2_1_0_0, sarama.V2_6_0_0, sarama.V3_3_0_0} {
		if err := roundTrip("old-"+version.String(), version, []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionZSTD}); err != nil {
			return fmt.Errorf("as a client of %s: %w", version, err)
		}
	}
	return nil
}

func roundTrip(name string, version sarama.KafkaVersion, codecs []sarama.CompressionCodec) error {
	topic, err := create(name, 1)
	if err != nil {
		return err
	}
	for _, codec := range codecs {
		config := settings(version)
		config.Producer.Compression = codec
		config.Producer.Idempotent = true
		config.Producer.RequiredAcks = sarama.WaitForAll
		config.Net.MaxOpenRequests = 1
		producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
		if err != nil {
			return err
		}
		var messages []*sarama.ProducerMessage
		for index := range 100 {
			messages = append(messages, &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint(index)),
				Headers: []sarama.RecordHeader{{Key: []byte("codec"), Value: []byte(codec.String())}}})
		}
		if err := producer.SendMessages(messages); err != nil {
			return err
		}
		if err := producer.Close(); err != nil {
			return err
		}
	}
	return expect(topic, version, sarama.ReadUncommitted, func(index int) string { return fmt.Sprint(index % 100) }, 100*len(codecs))
}

// Reads a topic of one partition from its beginning: so many values, and no more.
func expect(topic string, version sarama.KafkaVersion, isolation sarama.IsolationLevel, value func(int) string, count int) error {
	config := settings(version)
	config.Consumer.IsolationLevel = isolation
	consumer, err := sarama.NewConsumer([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer consumer.Close()
	reader, err := consumer.ConsumePartition(topic, 0, sarama.OffsetOldest)
	if err != nil {
		return err
	}
	defer reader.Close()
	for index := range count {
		select {
		case message := <-reader.Messages():
			if string(message.Value) != value(index) {
				return fmt.Errorf("%q instead of %q", message.Value, value(index))
			}
		case <-time.After(patience):
			return fmt.Errorf("%d values of %d", index, count)
		}
	}
	select {
	case message := <-reader.Messages():
		return fmt.Errorf("%q is too much", message.Value)
	case <-time.After(700 * time.Millisecond):
		return nil
	}
}

type member struct {
	mutex  sync.Mutex
	claims int
	values chan string
}

func (m *member) Setup(session sarama.ConsumerGroupSession) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.claims = 0
	for _, partitions := range session.Claims() {
		m.claims += len(partitions)
	}
	return nil
}

func (m *member) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (m *member) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for message := range claim.Messages() {
		m.values <- string(message.Value)
		session.MarkMessage(message, "")
	}
	return nil
}

func (m *member) has(claims int) func() bool {
	return func() bool {
		m.mutex.Lock()
		defer m.mutex.Unlock()
		return m.claims == claims
	}
}

func groupRebalance() error {
	topic, err := create("group", 4)
	if err != nil {
		return err
	}
	values := make(chan string, 1_000)
	first, second := &member{values: values}, &member{values: values}
	leaveFirst, err := first.join(topic)
	if err != nil {
		return err
	}
	defer leaveFirst()
	if err := until(first.has(4)); err != nil {
		return err
	}
	leaveSecond, err := second.join(topic)
	if err != nil {
		return err
	}
	if err := until(func() bool { return first.has(2)() && second.has(2)() }); err != nil {
		return err
	}
	config := settings(sarama.MaxVersion)
	config.Producer.Partitioner = sarama.NewRoundRobinPartitioner
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	for index := range 100 {
		if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint(index))}); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for range 100 {
		select {
		case value := <-values:
			seen[value] = true
		case <-time.After(patience):
			return fmt.Errorf("%d values of 100", len(seen))
		}
	}
	if len(seen) != 100 {
		return fmt.Errorf("%d different values of 100", len(seen))
	}
	leaveSecond()
	return until(first.has(4))
}

func (m *member) join(topic string) (func(), error) {
	group, err := sarama.NewConsumerGroup([]string{bootstrap}, prefix+"sarama", settings(sarama.MaxVersion))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		for ctx.Err() == nil {
			if err := group.Consume(ctx, []string{topic}, m); err != nil {
				return
			}
		}
	}()
	return func() { cancel(); group.Close() }, nil
}

func until(condition func() bool) error {
	for deadline := time.Now().Add(patience); !condition(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			return errors.New("what was waited for did not come")
		}
	}
	return nil
}

func transactions() error {
	topic, err := create("transactions", 1)
	if err != nil {
		return err
	}
	config := settings(sarama.MaxVersion)
	config.Producer.Idempotent = true
	config.Producer.RequiredAcks = sarama.WaitForAll
	config.Producer.Transaction.ID = prefix + "sarama"
	config.Net.MaxOpenRequests = 1
	producer, err := sarama.NewSyncProducer([]string{bootstrap}, config)
	if err != nil {
		return err
	}
	defer producer.Close()
	for round := range 4 {
		if err := producer.BeginTxn(); err != nil {
			return err
		}
		for index := range 10 {
			if _, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint(round, index))}); err != nil {
				return err
			}
		}
		if round == 0 {
			offsets := map[string][]*sarama.PartitionOffsetMetadata{topic: {{Partition: 0, Offset: 5}}}
			if err := producer.AddOffsetsToTxn(offsets, prefix+"sarama-offsets"); err != nil {
				return err
			}
		}
		end := producer.CommitTxn
		if round%2 == 1 {
			end = producer.AbortTxn
		}
		if err := end(); err != nil {
			return err
		}
	}
	return expect(topic, sarama.MaxVersion, sarama.ReadCommitted, func(index int) string { return fmt.Sprint(index/10*2, index%10) }, 20)
}
