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
// skips the test where mounting is not allowed.
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

func TestAFullDiskLosesNothingAndRecoversByDeletes(t *testing.T) {
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
