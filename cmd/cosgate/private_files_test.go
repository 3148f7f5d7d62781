package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// spawnOpenly starts cosgate with a umask that leaves every permission to everybody.
func spawnOpenly(t *testing.T, args ...string) *process {
	t.Helper()
	p := spawn(t, "/bin/sh", append([]string{"-c", `umask 0; exec "$0" "$@"`, os.Args[0]}, args...)...)
	if !p.ready() {
		t.Fatalf("cosgate %q did not start: %s", args, p.stderr.String())
	}
	return p
}

// checkPrivate walks a folder: nothing in it is for others than its owner.
func checkPrivate(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		files++
		if got := info.Mode().Perm(); got&0o077 != 0 {
			t.Errorf("%s has mode %04o, want nothing for others", path, got)
		}
		return nil
	})
	if err != nil || files < 2 {
		t.Fatalf("the folder has %d files, %v", files, err)
	}
}

func TestDevKeepsItsFilesPrivateWhateverTheUmask(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(dir string) error{
		"new folder":      func(string) error { return nil },
		"existing folder": func(dir string) error { return errors.Join(os.Mkdir(dir, 0o700), os.Chmod(dir, 0o777)) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filepath.Join(t.TempDir(), "data")
			if err := prepare(dir); err != nil {
				t.Fatal(err)
			}
			args := append([]string{"dev", "--data", dir}, everyPortFree[2:]...)
			for range 2 { // the second one finds what kill -9 left behind
				dev := spawnOpenly(t, args...)
				conn := dial(t, dev.value("gRPC"))
				objects := cosgatev1.NewObjectServiceClient(conn)
				for key, size := range map[string]int{"small": 1, "large": 1 << 20} {
					if err := putObject(t.Context(), objects, key, bytes.Repeat([]byte("x"), size)); err != nil {
						t.Fatal(err)
					}
				}
				upload, err := cosgatev1.NewMultipartServiceClient(conn).InitiateMultipartUpload(t.Context(), &cosgatev1.InitiateMultipartUploadRequest{Bucket: demoBucket, Key: "parts"})
				if err != nil || upload.GetUploadId() == "" {
					t.Fatal(err)
				}
				checkPrivate(t, dir)
				dev.kill()
				checkPrivate(t, dir)
			}
		})
	}
}

func TestServeKeepsItsAuditFilePrivateAndWarnsOfOpenFiles(t *testing.T) {
	dir := t.TempDir()
	credentials := filepath.Join(dir, "credentials")
	err := errors.Join(os.WriteFile(credentials, []byte("secret_id=AKIDx\nsecret_key=muchtoosecret\n"), 0o600), os.Chmod(credentials, 0o644))
	if err != nil {
		t.Fatal(err)
	}
	audit := filepath.Join(dir, "audit.log")
	serve := spawnOpenly(t, "serve", "--config", writeConfig(t, "listen: 127.0.0.1:0\nadmin: 127.0.0.1:0\naudit: {file: '"+audit+"'}\nprofiles: {main: {region: ap-guangzhou, credentials: {file: '"+credentials+"'}}}\n"))
	if info, err := os.Stat(audit); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the audit file: %v, %v, want mode 0600", info.Mode(), err)
	}
	log := serve.stderr.String()
	if !strings.Contains(log, "others can read a file that is not for them") || !strings.Contains(log, "key=profiles.main.credentials.file") || strings.Contains(log, "muchtoosecret") {
		t.Errorf("the log does not warn of the credentials: %s", log)
	}
}
