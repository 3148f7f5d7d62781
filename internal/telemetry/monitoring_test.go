package telemetry_test

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	"github.com/cosgate/cosgate/cosbackend"
	"github.com/cosgate/cosgate/internal/telemetry"
)

// temporary are credentials that end, so that their metrics exist.
func temporary(t *testing.T) *cosbackend.TemporaryCredentials {
	t.Helper()
	c, err := cosbackend.AssumeRoleCredentials(cosbackend.AssumeRoleOptions{
		Source:  cosbackend.StaticCredentials(cosbackend.Credentials{SecretID: "id", SecretKey: "key"}),
		RoleARN: "qcs::cam::uin/100000000001:roleName/test",
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// exported are the names of all metrics that the binary has.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	m := telemetry.NewMetrics(func(string) bool { return false })
	client, err := cosbackend.New(cosbackend.Config{Credentials: temporary(t), Region: "ap-guangzhou"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	m.Watch(map[string]*cosbackend.Client{"main": client}, func() int64 { return 0 }, func() int64 { return 0 })
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "s", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{MethodName: "m"}}}, struct{}{})
	m.Calls.InitializeMetrics(server)
	m.CallFailed("m", codes.Internal, false)
	m.CallDenied("m", "r")
	_, done := telemetry.Observer{Metrics: m}.Attempt(context.Background(), cosbackend.AttemptInfo{Operation: "o", Profile: "main"})
	done(cosbackend.AttemptResult{Retried: true, Head: time.Millisecond})
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{
		"up": true, // Prometheus's own
		// They have no value before the first credentials came.
		"cosgate_credentials_age_seconds": true, "cosgate_credentials_expire_seconds": true,
	}
	for _, f := range families {
		names[f.GetName()] = true
	}
	return names
}

func TestDashboardsAndAlertsNameMetricsThatExist(t *testing.T) {
	names := exported(t)
	name := regexp.MustCompile(`\b(cosgate|grpc_server|go|process)_[a-z_]+[a-z]\b`)
	files, err := filepath.Glob("../../deploy/monitoring/*")
	if err != nil || len(files) < 2 {
		t.Fatalf("the files of deploy/monitoring = %v, %v", files, err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := name.FindAllString(string(text), -1)
		if len(found) == 0 {
			t.Errorf("%s names no metric", file)
		}
		slices.Sort(found)
		for _, n := range slices.Compact(found) {
			if !names[n] && !names[strings.TrimSuffix(n, "_bucket")] {
				t.Errorf("%s names the metric %s, which the gateway does not have", file, n)
			}
		}
	}
}
