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

// temporaryCredentials makes credentials that expire, so that their metrics exist.
func temporaryCredentials(t *testing.T) *cosbackend.TemporaryCredentials {
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

// exported returns the names of all metrics that the gateway exports.
func exported(t *testing.T) map[string]bool {
	t.Helper()
	m := telemetry.NewMetrics(func(string) bool { return false })
	client, err := cosbackend.New(cosbackend.Config{Credentials: temporaryCredentials(t), Region: "ap-guangzhou"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	m.Watch(map[string]*cosbackend.Client{"main": client}, func() int64 { return 0 }, func() int64 { return 0 }, func() int64 { return 0 })
	server := grpc.NewServer()
	server.RegisterService(&grpc.ServiceDesc{ServiceName: "s", HandlerType: (*any)(nil), Methods: []grpc.MethodDesc{{MethodName: "m"}}}, struct{}{})
	m.Calls.InitializeMetrics(server)
	m.CallFailed("m", codes.Internal, false)
	m.CallDenied("m", "r")
	_, done := telemetry.Observer{Metrics: m}.Attempt(context.Background(), cosbackend.AttemptInfo{Operation: "o", Profile: "main", Backup: true})
	done(cosbackend.AttemptResult{Retried: true, Head: time.Millisecond})
	families, err := m.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	names := map[string]bool{
		"up": true, // of Prometheus itself
		// They have no value until credentials were obtained.
		"cosgate_credentials_age_seconds": true, "cosgate_credentials_expire_seconds": true,
	}
	for _, f := range families {
		names[f.GetName()] = true
	}
	return names
}

// metricNames finds the names of metrics in a text.
func metricNames(text []byte) []string {
	name := regexp.MustCompile(`\b(cosgate|grpc_server|go|process)_[a-z_]+[a-z]\b`)
	found := name.FindAllString(string(text), -1)
	slices.Sort(found)
	return slices.Compact(found)
}

func readFile(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestMonitoringNamesOnlyMetricsThatExist(t *testing.T) {
	t.Parallel()
	names := exported(t)
	files, err := filepath.Glob("../../deploy/monitoring/*")
	if err != nil || len(files) < 2 {
		t.Fatalf("the files of deploy/monitoring = %v, %v", files, err)
	}
	for _, file := range append(files, productionDoc) {
		found := metricNames(readFile(t, file))
		if len(found) == 0 {
			t.Errorf("%s names no metric", file)
		}
		for _, n := range found {
			if !names[n] && !names[strings.TrimSuffix(n, "_bucket")] {
				t.Errorf("%s names the metric %s, which the gateway does not have", file, n)
			}
		}
	}
}

// productionDoc has the list of metrics for operators.
const productionDoc = "../../docs/production.md"

func TestMonitoringDocumentNamesEveryMetricOfTheGateway(t *testing.T) {
	t.Parallel()
	documented := metricNames(readFile(t, productionDoc))
	for name := range exported(t) {
		if strings.HasPrefix(name, "cosgate_") && !slices.Contains(documented, name) {
			t.Errorf("%s does not name the metric %s: add it to the table under Metrics", productionDoc, name)
		}
	}
}
