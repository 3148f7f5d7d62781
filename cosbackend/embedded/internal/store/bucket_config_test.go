package store

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestConfigIsStoredByKindAndID(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	if err := s.CreateBucket(ctx, Bucket{Name: "other-1"}); err != nil {
		t.Fatal(err)
	}
	one := Config{Bucket: testBucket, Kind: "one"}
	if _, err := s.Config(ctx, one); !errors.Is(err, ErrNoSuchConfig) {
		t.Errorf("Config of none = %v, want ErrNoSuchConfig", err)
	}
	for _, text := range []string{"a", "b"} {
		if err := s.PutConfig(ctx, one, []byte(text), PutConfigOptions{}); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Config(ctx, one); string(got) != text || err != nil {
			t.Errorf("Config = %q, %v, want %q", got, err, text)
		}
	}
	for i := range 3 {
		c := Config{Bucket: testBucket, Kind: "many", ID: fmt.Sprint(i)}
		if err := s.PutConfig(ctx, c, []byte("d"), PutConfigOptions{Max: 3, New: true}); err != nil {
			t.Fatal(err)
		}
	}
	again := Config{Bucket: testBucket, Kind: "many", ID: "1"}
	if err := s.PutConfig(ctx, again, []byte("e"), PutConfigOptions{New: true}); !errors.Is(err, ErrExists) {
		t.Errorf("PutConfig of a new one again = %v, want ErrExists", err)
	}
	if err := s.PutConfig(ctx, Config{Bucket: testBucket, Kind: "many", ID: "9"}, []byte("e"), PutConfigOptions{Max: 3}); !errors.Is(err, ErrTooManyConfigs) {
		t.Errorf("PutConfig of a fourth = %v, want ErrTooManyConfigs", err)
	}
	if err := s.PutConfig(ctx, again, []byte("e"), PutConfigOptions{Max: 3}); err != nil {
		t.Errorf("PutConfig over one of three = %v", err)
	}
	page, more, err := s.Configs(ctx, testBucket, "many", "0", 1)
	if d := cmp.Diff([]ConfigDocument{{"1", []byte("e")}}, page); d != "" || !more || err != nil {
		t.Errorf("Configs = %v, %v, %v", page, more, err)
	}
	if page, more, err = s.Configs(ctx, testBucket, "many", "1", 1); len(page) != 1 || more || err != nil {
		t.Errorf("the last page = %v, %v, %v", page, more, err)
	}
	if names, err := s.Configured(ctx, "many"); !cmp.Equal(names, []string{testBucket}) || err != nil {
		t.Errorf("Configured = %v, %v", names, err)
	}
}

func TestConfigNeedsABucketAndIsDeletedWithIt(t *testing.T) {
	t.Parallel()
	s := open(t, Options{})
	ctx := t.Context()
	absent, there := Config{Bucket: "absent-1", Kind: "k"}, Config{Bucket: testBucket, Kind: "k"}
	_, err1 := s.Config(ctx, absent)
	_, _, err2 := s.Configs(ctx, absent.Bucket, "k", "", 1)
	for _, err := range []error{err1, err2, s.PutConfig(ctx, absent, []byte("d"), PutConfigOptions{}), s.DeleteConfig(ctx, absent)} {
		if !errors.Is(err, ErrNoSuchBucket) {
			t.Errorf("of an absent bucket = %v, want ErrNoSuchBucket", err)
		}
	}
	if err := s.PutConfig(ctx, there, []byte("d"), PutConfigOptions{}); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteBucket(ctx, testBucket); err != nil {
		t.Fatal(err)
	}
	if err := s.CreateBucket(ctx, Bucket{Name: testBucket}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Config(ctx, there); !errors.Is(err, ErrNoSuchConfig) {
		t.Errorf("Config of the bucket's successor = %v, want ErrNoSuchConfig", err)
	}
	if err := s.DeleteConfig(ctx, there); err != nil {
		t.Errorf("DeleteConfig of none = %v", err)
	}
}
