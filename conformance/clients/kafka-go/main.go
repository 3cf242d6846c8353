// Scenarios over Segment's kafka-go, with default settings wherever the scenario does not need others.
// Usage: client BOOTSTRAP PREFIX. Prints "ok NAME" or "not ok NAME: why" for each scenario.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

var bootstrap, prefix string

// By default the library looks for new topics every six seconds.
var transport = &kafka.Transport{MetadataTTL: 100 * time.Millisecond}

func main() {
	bootstrap, prefix = os.Args[1], os.Args[2]
	failed := false
	for _, each := range []struct {
		name string
		run  func(context.Context) error
	}{{"admin", admin}, {"produce-consume", produceConsume}, {"group-rebalance", groupRebalance}} {
		ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
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

func create(name string, partitions int) (string, error) {
	conn, err := kafka.Dial("tcp", bootstrap)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	topic := prefix + name
	if err := conn.CreateTopics(kafka.TopicConfig{Topic: topic, NumPartitions: partitions, ReplicationFactor: 1}); err != nil {
		return "", err
	}
	return topic, untilPartitions(topic, partitions)
}

// The library answers from what it has remembered, so a change shows after a while.
func untilPartitions(topic string, count int) error {
	client := &kafka.Client{Addr: kafka.TCP(bootstrap), Transport: transport}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(50 * time.Millisecond) {
		metadata, err := client.Metadata(context.Background(), &kafka.MetadataRequest{Topics: []string{topic}})
		if err != nil {
			return err
		}
		if len(metadata.Topics) == 1 && metadata.Topics[0].Error == nil && len(metadata.Topics[0].Partitions) == count {
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("metadata instead of %d partitions: %v", count, metadata)
		}
	}
}

func admin(ctx context.Context) error {
	topic, err := create("admin", 2)
	if err != nil {
		return err
	}
	client := &kafka.Client{Addr: kafka.TCP(bootstrap), Transport: transport}
	grown, err := client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: topic, Count: 4}}})
	if err != nil || grown.Errors[topic] != nil {
		return fmt.Errorf("partitions: %v %v", grown, err)
	}
	if err := untilPartitions(topic, 4); err != nil {
		return err
	}
	changed, err := client.IncrementalAlterConfigs(ctx, &kafka.IncrementalAlterConfigsRequest{Resources: []kafka.IncrementalAlterConfigsRequestResource{{
		ResourceType: kafka.ResourceTypeTopic, ResourceName: topic,
		Configs: []kafka.IncrementalAlterConfigsRequestConfig{{Name: "retention.ms", Value: "3600000", ConfigOperation: kafka.ConfigOperationSet}},
	}}})
	if err != nil || changed.Resources[0].Error != nil {
		return fmt.Errorf("configuration: %v %v", changed, err)
	}
	deleted, err := client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{topic}})
	if err != nil {
		return err
	}
	return deleted.Errors[topic]
}

func produceConsume(ctx context.Context) error {
	topic, err := create("produce", 1)
	if err != nil {
		return err
	}
	codecs := []kafka.Compression{0, kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd}
	for _, codec := range codecs {
		writer := &kafka.Writer{Addr: kafka.TCP(bootstrap), Transport: transport, Topic: topic, Compression: codec, BatchTimeout: 10 * time.Millisecond, RequiredAcks: kafka.RequireAll}
		var messages []kafka.Message
		for index := range 100 {
			messages = append(messages, kafka.Message{Value: []byte(fmt.Sprint(index)), Headers: []kafka.Header{{Key: "codec", Value: []byte(codec.String())}}})
		}
		if err := writer.WriteMessages(ctx, messages...); err != nil {
			return err
		}
		if err := writer.Close(); err != nil {
			return err
		}
	}
	reader := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{bootstrap}, Topic: topic, MaxWait: 100 * time.Millisecond})
	defer reader.Close()
	for index := range 100 * len(codecs) {
		message, err := reader.ReadMessage(ctx)
		if err != nil {
			return err
		}
		if string(message.Value) != fmt.Sprint(index%100) || message.Offset != int64(index) {
			return fmt.Errorf("%q at %d instead of %d", message.Value, message.Offset, index)
		}
	}
	return nil
}

func groupRebalance(ctx context.Context) error {
	topic, err := create("group", 4)
	if err != nil {
		return err
	}
	join := func() *kafka.Reader {
		return kafka.NewReader(kafka.ReaderConfig{
			Brokers: []string{bootstrap}, GroupID: prefix + "kafka-go", Topic: topic,
			MaxWait: 100 * time.Millisecond, HeartbeatInterval: 200 * time.Millisecond, StartOffset: kafka.FirstOffset,
		})
	}
	writer := &kafka.Writer{Addr: kafka.TCP(bootstrap), Transport: transport, Topic: topic, Balancer: &kafka.RoundRobin{}, BatchTimeout: 10 * time.Millisecond}
	defer writer.Close()
	send := func(from int) error {
		var messages []kafka.Message
		for index := range 100 {
			messages = append(messages, kafka.Message{Value: []byte(fmt.Sprint(from + index))})
		}
		return writer.WriteMessages(ctx, messages...)
	}
	first := join()
	if err := send(0); err != nil {
		return err
	}
	for range 100 {
		if _, err := first.ReadMessage(ctx); err != nil {
			return err
		}
	}
	second := join()
	// Both members have read once each of them owns partitions.
	values, failures := make(chan string, 10_000), make(chan error, 2)
	reading, stop := context.WithCancel(ctx)
	defer stop()
	shares := make([]int, 2)
	for index, reader := range []*kafka.Reader{first, second} {
		go func() {
			for {
				message, err := reader.ReadMessage(reading)
				if err != nil {
					failures <- err
					return
				}
				values <- fmt.Sprint(index, " ", string(message.Value))
			}
		}()
	}
	seen, sent := map[string]bool{}, 100
	for shares[0] == 0 || shares[1] == 0 || len(seen) < sent-100 {
		if shares[1] == 0 {
			if err := send(sent); err != nil {
				return err
			}
			sent += 100
		}
		for waiting := true; waiting; {
			select {
			case value := <-values:
				owner, number, _ := strings.Cut(value, " ")
				seen[number] = true
				shares[owner[0]-'0']++
			case <-time.After(300 * time.Millisecond):
				waiting = false
			case <-ctx.Done():
				return fmt.Errorf("%d of %d values, shares %v", len(seen), sent-100, shares)
			}
		}
	}
	stop()
	for range 2 {
		if err := <-failures; !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return errors.Join(first.Close(), second.Close())
}
