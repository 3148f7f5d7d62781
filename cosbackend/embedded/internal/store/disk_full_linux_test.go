package store

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
)

// inSmallDisk runs the calling test again in a child process that has a file
// system of the given size at the path it gets, and reports its outcome. It
// skips the test where mounting is not allowed. Such tests do not run in parallel with
// others: how soon a delete frees space depends on what else the processor does.
func inSmallDisk(t *testing.T, size string, test func(t *testing.T, dir string)) {
	t.Helper()
	const variable = "COSGATE_TEST_SMALL_DISK"
	if dir := os.Getenv(variable); dir != "" {
		if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
			t.Skipf("skipped: cannot mount a small file system: %v", err)
		}
		test(t, filepath.Join(dir, "data"))
		return
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.v", "-test.run=^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), variable+"="+t.TempDir())
	cmd.SysProcAttr = &syscall.SysProcAttr{ // what is mounted is gone with the child
		Cloneflags:  syscall.CLONE_NEWNS | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getgid(), Size: 1}},
	}
	out, err := cmd.CombinedOutput()
	if _, started := errors.AsType[*exec.ExitError](err); err != nil && !started {
		t.Skipf("skipped: cannot start in a mount namespace: %v", err)
	}
	if err != nil {
		t.Errorf("in a small file system: %v\n%s", err, out)
	}
	if bytes.Contains(out, []byte("--- SKIP")) {
		t.Skipf("skipped in the child: %s", out)
	}
}

func TestDiskFullLosesNothingAndRecoversByDeletes(t *testing.T) {
	inSmallDisk(t, "8m", func(t *testing.T, dir string) {
		for round := range 2 {
			s := open(t, Options{Dir: dir})
			for _, size := range []int{20_000, 100_000, 30_000} {
				name := fmt.Sprintf("round %d, bodies of %d", round, size)
				keys := fillUp(t, s, size)
				if len(keys) == 0 {
					t.Errorf("%s: nothing could be put", name)
				}
				if size == 20_000 { // also across a restart of a full disk
					if err := s.Close(); err != nil {
						t.Errorf("%s: Close() = %v", name, err)
					}
					s = open(t, Options{Dir: dir})
				}
				for i, key := range keys {
					if got, err := get(t.Context(), s, key); err != nil || !bytes.Equal(got, body(size, byte(i))) {
						t.Fatalf("%s: %s has %d bytes, %v", name, key, len(got), err)
					}
				}
				for part := range slices.Chunk(keys, max(1, len(keys)/50)) {
					if err := s.DeleteMany(t.Context(), testBucket, part); err != nil {
						t.Fatalf("%s: delete = %v", name, err)
					}
				}
			}
			if err := s.Close(); err != nil {
				t.Errorf("round %d: Close() = %v", round, err)
			}
		}
	})
}

func TestDiskFullPartsFreeTheirSpace(t *testing.T) {
	inSmallDisk(t, "8m", func(t *testing.T, dir string) {
		s := open(t, Options{Dir: dir})
		for _, size := range []int{3_000, 20_000, 200_000} {
			var keys []string
			var ids []uploadPosition
			for refused := 0; refused < 5; {
				key := fmt.Sprintf("%d/%04d", size, len(keys))
				ok, id, err := tryParts(t, s, key, size)
				switch {
				case errors.Is(err, ErrNoSpace):
					refused++
				case err != nil:
					t.Fatalf("parts on a full disk = %v, want %v", err, ErrNoSpace)
				}
				if ok {
					keys = append(keys, key)
				} else if id != "" {
					ids = append(ids, uploadPosition{key, id})
				}
			}
			if len(keys) == 0 {
				t.Errorf("no object of parts of %d bytes could be put", size)
			}
			for _, key := range keys {
				if got, err := get(t.Context(), s, key); err != nil || !bytes.Equal(got, slices.Concat(body(size, 1), body(size, 2))) {
					t.Fatalf("%s has %d bytes, %v", key, len(got), err)
				}
			}
			for _, at := range ids {
				if err := s.AbortUpload(t.Context(), testBucket, at.key, at.id); err != nil {
					t.Fatalf("AbortUpload() on a full disk = %v", err)
				}
			}
			for part := range slices.Chunk(keys, 10) {
				if err := s.DeleteMany(t.Context(), testBucket, part); err != nil {
					t.Fatalf("delete = %v", err)
				}
			}
			if n := countBlobs(t, s); n != 0 {
				t.Errorf("%d bodies are stored after all was deleted, want 0", n)
			}
		}
		nothingIsLeft(t, s, dir)
	})
}

// tryParts makes an object of two parts as far as there is space. The ID is
// that of the upload, if it could be started.
func tryParts(t *testing.T, s *Store, key string, size int) (complete bool, id string, err error) {
	ctx := t.Context()
	if id, err = s.Initiate(ctx, testBucket, key, PutOptions{}); err != nil {
		return false, "", err
	}
	var parts []CompletePart
	for n := range 2 {
		p, err := tryPart(ctx, s, testBucket, key, id, n+1, body(size, byte(n+1)))
		if err != nil {
			return false, id, err
		}
		parts = append(parts, CompletePart{p.Number, p.ETag})
	}
	_, err = s.Complete(ctx, testBucket, key, id, parts, false, 0)
	return err == nil, id, err
}

// fillUp puts objects until there is no space, and a few more.
func fillUp(t *testing.T, s *Store, size int) (keys []string) {
	t.Helper()
	for refused := 0; refused < 5; {
		key := fmt.Sprintf("%d/%06d", size, len(keys))
		_, err := tryPut(t.Context(), s, key, body(size, byte(len(keys))), PutOptions{})
		switch {
		case err == nil:
			keys = append(keys, key)
		case errors.Is(err, ErrNoSpace):
			refused++
		default:
			t.Fatalf("put on a full disk = %v, want %v", err, ErrNoSpace)
		}
	}
	return keys
}
