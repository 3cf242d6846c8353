// Scenarios over franz-go's client of schema registries, with default settings.
// Usage: client URL PREFIX. Prints "ok NAME" or "not ok NAME: why" for each scenario.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/sr"
)

var url, prefix string

var scenarios = []struct {
	name string
	run  func(context.Context, *sr.Client) error
}{
	{"subjects", subjects},
	{"references", references},
	{"compatibility", compatibility},
	{"modes", modes},
	{"import", importing},
	{"deletion", deletion},
	{"serde", serde},
}

const (
	userOne    = `{"type":"record","name":"User","fields":[{"name":"name","type":"string"}]}`
	userTwo    = `{"type":"record","name":"User","fields":[{"name":"name","type":"string"},{"name":"age","type":"int","default":0}]}`
	userBroken = `{"type":"record","name":"User","fields":[{"name":"name","type":"string"},{"name":"born","type":"string"}]}`
)

func main() {
	url, prefix = os.Args[1], os.Args[2]
	failed := false
	for _, each := range scenarios {
		ctx, cancel := context.WithTimeout(context.Background(), 25*time.Second)
		client, err := sr.NewClient(sr.URLs(url))
		if err == nil {
			err = each.run(ctx, client)
		}
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

func subjects(ctx context.Context, client *sr.Client) error {
	subject := prefix + "users-value"
	first, err := client.CreateSchema(ctx, subject, sr.Schema{Schema: userOne})
	if err != nil || first.Version != 1 {
		return fmt.Errorf("first: %+v %w", first, err)
	}
	second, err := client.CreateSchema(ctx, subject, sr.Schema{Schema: userTwo})
	if err != nil || second.Version != 2 || second.ID == first.ID {
		return fmt.Errorf("second: %+v %w", second, err)
	}
	found, err := client.LookupSchema(ctx, subject, sr.Schema{Schema: userOne})
	if err != nil || found.ID != first.ID || found.Version != 1 {
		return fmt.Errorf("lookup: %+v %w", found, err)
	}
	latest, err := client.SchemaByVersion(ctx, subject, -1)
	if err != nil || latest.ID != second.ID {
		return fmt.Errorf("latest: %+v %w", latest, err)
	}
	usages, err := client.SchemaUsagesByID(ctx, first.ID)
	if err != nil || !slices.ContainsFunc(usages, func(one sr.SubjectSchema) bool { return one.Subject == subject }) {
		return fmt.Errorf("usages: %+v %w", usages, err)
	}
	all, err := client.AllSchemas(ctx)
	if err != nil || len(all) < 2 {
		return fmt.Errorf("all: %d %w", len(all), err)
	}
	types, err := client.SupportedTypes(ctx)
	if err != nil || len(types) != 3 {
		return fmt.Errorf("types: %v %w", types, err)
	}
	return nil
}

func references(ctx context.Context, client *sr.Client) error {
	address, order := prefix+"address.proto", prefix+"order-value"
	base := sr.Schema{Type: sr.TypeProtobuf, Schema: `syntax = "proto3"; package shop; message Address { string city = 1; }`}
	if _, err := client.CreateSchema(ctx, address, base); err != nil {
		return err
	}
	created, err := client.CreateSchema(ctx, order, sr.Schema{
		Type:       sr.TypeProtobuf,
		Schema:     `syntax = "proto3"; import "` + address + `"; message Order { shop.Address to = 1; }`,
		References: []sr.SchemaReference{{Name: address, Subject: address, Version: 1}},
	})
	if err != nil {
		return err
	}
	referring, err := client.SchemaReferences(ctx, address, 1)
	if err != nil || len(referring) != 1 || referring[0].ID != created.ID {
		return fmt.Errorf("referring: %+v %w", referring, err)
	}
	_, err = client.DeleteSubject(ctx, address, sr.SoftDelete)
	return expect(err, 42206)
}

func compatibility(ctx context.Context, client *sr.Client) error {
	subject := prefix + "compatibility-value"
	if _, err := client.CreateSchema(ctx, subject, sr.Schema{Schema: userOne}); err != nil {
		return err
	}
	checked, err := client.CheckCompatibility(sr.WithParams(ctx, sr.Verbose), subject, -1, sr.Schema{Schema: userBroken})
	if err != nil || checked.Is || len(checked.Messages) == 0 {
		return fmt.Errorf("checked: %+v %w", checked, err)
	}
	if _, err = client.CreateSchema(ctx, subject, sr.Schema{Schema: userBroken}); expect(err, 409) != nil {
		return expect(err, 409)
	}
	for _, result := range client.SetCompatibility(ctx, sr.SetCompatibility{Level: sr.CompatFullTransitive}, subject) {
		if result.Err != nil || result.Level != sr.CompatFullTransitive {
			return fmt.Errorf("set: %+v", result)
		}
	}
	for _, result := range client.Compatibility(ctx, subject, sr.GlobalSubject) {
		want := map[string]sr.CompatibilityLevel{subject: sr.CompatFullTransitive, sr.GlobalSubject: sr.CompatBackward}[result.Subject]
		if result.Err != nil || result.Level != want {
			return fmt.Errorf("get: %+v", result)
		}
	}
	for _, result := range client.ResetCompatibility(ctx, subject) {
		if result.Err != nil {
			return result.Err
		}
	}
	return expect(client.Compatibility(ctx, subject)[0].Err, 40408)
}

func modes(ctx context.Context, client *sr.Client) error {
	subject := prefix + "modes-value"
	if _, err := client.CreateSchema(ctx, subject, sr.Schema{Schema: userOne}); err != nil {
		return err
	}
	if result := client.SetMode(ctx, sr.ModeReadOnly, subject)[0]; result.Err != nil || result.Mode != sr.ModeReadOnly {
		return fmt.Errorf("set: %+v", result)
	}
	if _, err := client.CreateSchema(ctx, subject, sr.Schema{Schema: userTwo}); expect(err, 42205) != nil {
		return expect(err, 42205)
	}
	if err := expect(client.SetMode(ctx, sr.ModeImport, subject)[0].Err, 42205); err != nil {
		return err
	}
	if result := client.ResetMode(ctx, subject)[0]; result.Err != nil {
		return result.Err
	}
	_, err := client.CreateSchema(ctx, subject, sr.Schema{Schema: userTwo})
	return err
}

func importing(ctx context.Context, client *sr.Client) error {
	subject := prefix + "import-value"
	if _, err := client.CreateSchemaWithIDAndVersion(ctx, subject, sr.Schema{Schema: `"bytes"`}, 7000, 3); expect(err, 42205) != nil {
		return expect(err, 42205)
	}
	if result := client.SetMode(ctx, sr.ModeImport, subject)[0]; result.Err != nil {
		return result.Err
	}
	stored, err := client.CreateSchemaWithIDAndVersion(ctx, subject, sr.Schema{Schema: `{"type":"fixed","name":"Imported","size":7}`}, 7000, 3)
	if err != nil || stored.ID != 7000 || stored.Version != 3 {
		return fmt.Errorf("imported: %+v %w", stored, err)
	}
	_, err = client.CreateSchemaWithIDAndVersion(ctx, subject, sr.Schema{Schema: `"double"`}, 7000, 4)
	return expect(err, 42205)
}

func deletion(ctx context.Context, client *sr.Client) error {
	subject := prefix + "deletion-value"
	for _, schema := range []string{userOne, userTwo} {
		if _, err := client.CreateSchema(ctx, subject, sr.Schema{Schema: schema}); err != nil {
			return err
		}
	}
	if err := client.DeleteSchema(ctx, subject, 1, sr.SoftDelete); err != nil {
		return err
	}
	if _, err := client.SchemaByVersion(ctx, subject, 1); expect(err, 40402) != nil {
		return expect(err, 40402)
	}
	if _, err := client.SchemaByVersion(sr.WithParams(ctx, sr.ShowDeleted), subject, 1); err != nil {
		return err
	}
	if err := client.DeleteSchema(ctx, subject, 1, sr.HardDelete); err != nil {
		return err
	}
	if _, err := client.DeleteSubject(ctx, subject, sr.HardDelete); expect(err, 40405) != nil {
		return expect(err, 40405)
	}
	if _, err := client.DeleteSubject(ctx, subject, sr.SoftDelete); err != nil {
		return err
	}
	deleted, err := client.DeleteSubject(ctx, subject, sr.HardDelete)
	if err != nil || !slices.Equal(deleted, []int{2}) {
		return fmt.Errorf("deleted %v: %w", deleted, err)
	}
	_, err = client.SubjectVersions(ctx, subject)
	return expect(err, 40401)
}

func serde(ctx context.Context, client *sr.Client) error {
	stored, err := client.CreateSchema(ctx, prefix+"serde-value", sr.Schema{Schema: userOne})
	if err != nil {
		return err
	}
	bytes, err := new(sr.ConfluentHeader).AppendEncode(nil, stored.ID, nil)
	if err != nil {
		return err
	}
	id, _, err := new(sr.ConfluentHeader).DecodeID(append(bytes, 6, 'A', 'd', 'a'))
	if err != nil || id != stored.ID {
		return fmt.Errorf("id %d: %w", id, err)
	}
	schema, err := client.SchemaByID(ctx, id)
	if err != nil || schema.Schema != userOne {
		return fmt.Errorf("schema %s: %w", schema.Schema, err)
	}
	return nil
}

func expect(err error, code int) error {
	var refused *sr.ResponseError
	if errors.As(err, &refused) && refused.ErrorCode == code {
		return nil
	}
	return fmt.Errorf("expected to be refused with %d, got: %v", code, err)
}
