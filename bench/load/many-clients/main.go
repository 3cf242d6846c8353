// Many clients at once: producers that each send a few records a second, and groups that read them.
//
// Usage: many-clients BOOTSTRAP PRODUCERS RATE TOPICS PARTITIONS GROUPS WARMUP_SECONDS SECONDS ACKS
//
// PRODUCERS clients send RATE records of 100 bytes a second each, to TOPICS topics of PARTITIONS partitions each; GROUPS
// groups of one member read a topic each. Latencies are counted from when a record was due to be sent, so that a stall is
// not forgiven: to its acknowledgement, and to its arrival at a reader. Prints "READY" when every group reads, and one line
// of JSON at the end.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

const recordBytes = 100

// How long producers wait for company to a record, as a service does that sends events: five records a request at 50 a second.
const linger = 100 * time.Millisecond

var (
	errorCount, consumed, produced atomic.Int64
	firstError                     atomic.Value
	measureFrom                    atomic.Int64
)

func main() {
	bootstrap := os.Args[1]
	producers, rate, topics, partitions, groups, warmUp, seconds := number(2), number(3), number(4), number(5), number(6), number(7), number(8)
	ctx := context.Background()
	// Groups of their own for each run: they begin at the end, not where the last run's stopped.
	run := strconv.FormatInt(time.Now().UnixMilli(), 36)
	measureFrom.Store(time.Now().Add(time.Hour).UnixNano())
	must(makeTopics(ctx, bootstrap, topics, partitions))

	reading, stopReading := context.WithCancel(ctx)
	var assigned, readers sync.WaitGroup
	delivered := make([]*latencies, groups)
	assigned.Add(groups)
	for group := range groups {
		delivered[group] = &latencies{}
		client, err := kgo.NewClient(
			kgo.SeedBrokers(bootstrap), kgo.ConsumerGroup(fmt.Sprintf("group-%s-%d", run, group)), kgo.ConsumeTopics(topic(group%topics)),
			kgo.ConsumeResetOffset(kgo.NewOffset().AtEnd()),
			kgo.OnPartitionsAssigned(onceFor(&assigned)), kgo.WithLogger(nil),
		)
		must(err)
		readers.Add(1)
		go func() {
			defer readers.Done()
			defer client.Close()
			read(reading, client, delivered[group])
		}()
		time.Sleep(2 * time.Millisecond) // As services start one after another.
	}
	assigned.Wait()
	fmt.Println("READY")

	acknowledged := make([]*latencies, producers)
	var writers sync.WaitGroup
	end := time.Now().Add(time.Duration(warmUp+seconds) * time.Second)
	measureFrom.Store(time.Now().Add(time.Duration(warmUp) * time.Second).UnixNano())
	for id := range producers {
		acknowledged[id] = &latencies{}
		client, err := kgo.NewClient(append(acks(os.Args[9]), kgo.SeedBrokers(bootstrap), kgo.ProducerLinger(linger),
			kgo.DefaultProduceTopic(topic(id%topics)), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
		must(err)
		writers.Add(1)
		go func() {
			defer writers.Done()
			defer client.Close()
			write(ctx, client, writing{id: id, rate: rate, partitions: partitions, end: end}, acknowledged[id])
		}()
	}
	writers.Wait()
	wanted := produced.Load()
	for deadline := time.Now().Add(20 * time.Second); consumed.Load() < wanted && time.Now().Before(deadline); {
		time.Sleep(20 * time.Millisecond)
	}
	missing := wanted - consumed.Load()
	stopReading()
	readers.Wait()
	report(acknowledged, delivered, missing)
}

type writing struct {
	id, rate, partitions int
	end                  time.Time
}

func write(ctx context.Context, client *kgo.Client, w writing, into *latencies) {
	interval := time.Second / time.Duration(w.rate)
	// Spread over the interval, so that a thousand clients do not send in the same instant.
	due := time.Now().Add(time.Duration(w.id%997) * interval / 997)
	partition := int32(w.id % w.partitions)
	for sent := 0; ; sent++ {
		time.Sleep(time.Until(due))
		if due.After(w.end) {
			break
		}
		if sent%w.rate == 0 { // One partition for a second, then the next: all of them are written to.
			partition = (partition + 1) % int32(w.partitions)
		}
		value := make([]byte, recordBytes)
		at := due
		binary.BigEndian.PutUint64(value, uint64(at.UnixNano()))
		client.Produce(ctx, &kgo.Record{Value: value, Partition: partition}, func(_ *kgo.Record, err error) {
			if err != nil {
				failed(err)
				return
			}
			into.add(at, &produced)
		})
		due = due.Add(interval)
	}
	if err := client.Flush(ctx); err != nil {
		failed(err)
	}
}

func read(ctx context.Context, client *kgo.Client, into *latencies) {
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return
		}
		fetches.EachError(func(_ string, _ int32, err error) { failed(err) })
		fetches.EachRecord(func(record *kgo.Record) {
			into.add(time.Unix(0, int64(binary.BigEndian.Uint64(record.Value))), &consumed)
		})
	}
}

// Of one client; a producer's promises and a reader's records come one after another.
type latencies struct{ ms []float32 }

func (l *latencies) add(due time.Time, count *atomic.Int64) {
	if due.UnixNano() < measureFrom.Load() {
		return // It belongs to the warm-up.
	}
	count.Add(1)
	l.ms = append(l.ms, float32(time.Since(due).Microseconds())/1000)
}

func report(acknowledged, delivered []*latencies, missing int64) {
	ack, arrival := sorted(acknowledged), sorted(delivered)
	result := map[string]any{
		"errors": errorCount.Load(), "missing": max(0, missing), "repeated": max(0, -missing), "records": len(ack),
		"ackP50Ms": at(ack, 0.5), "ackP99Ms": at(ack, 0.99), "arrivalP50Ms": at(arrival, 0.5), "arrivalP99Ms": at(arrival, 0.99),
	}
	if err, ok := firstError.Load().(string); ok {
		result["firstError"] = err
	}
	must(json.NewEncoder(os.Stdout).Encode(result))
}

func sorted(all []*latencies) []float32 {
	var ms []float32
	for _, each := range all {
		ms = append(ms, each.ms...)
	}
	slices.Sort(ms)
	return ms
}

func at(sorted []float32, quantile float64) float32 {
	if len(sorted) == 0 {
		return -1
	}
	return sorted[int(float64(len(sorted)-1)*quantile)]
}

func makeTopics(ctx context.Context, bootstrap string, topics, partitions int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(bootstrap))
	if err != nil {
		return err
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	admin.SetTimeoutMillis(60_000)
	for first := 0; first < topics; first += 50 {
		var names []string
		for index := first; index < min(first+50, topics); index++ {
			names = append(names, topic(index))
		}
		made, err := admin.CreateTopics(ctx, int32(partitions), 1, nil, names...)
		if err != nil {
			return err
		}
		for _, each := range made {
			if each.Err != nil && !strings.Contains(each.Err.Error(), "TOPIC_ALREADY_EXISTS") {
				return each.Err
			}
		}
	}
	return nil
}

func acks(wanted string) []kgo.Opt {
	if wanted == "all" {
		return nil
	}
	return []kgo.Opt{kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite()}
}

func onceFor(group *sync.WaitGroup) func(context.Context, *kgo.Client, map[string][]int32) {
	var once sync.Once
	return func(context.Context, *kgo.Client, map[string][]int32) { once.Do(group.Done) }
}

func topic(index int) string { return fmt.Sprintf("many-%d", index) }

func failed(err error) {
	errorCount.Add(1)
	firstError.CompareAndSwap(nil, err.Error())
}

func number(index int) int {
	value, err := strconv.Atoi(os.Args[index])
	must(err)
	return value
}

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
