package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/cosgate/cosgate/internal/config"
)

const deployFolder = "../../deploy"

// untilKilled is what operators give a gateway beyond its wait and its grace.
const untilKilled = 15 * time.Second

func readDeploy(t *testing.T, path ...string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(append([]string{deployFolder}, path...)...))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// documents reads every manifest of the kustomize base, by kind.
func documents(t *testing.T) map[string]map[string]any {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(deployFolder, "kubernetes", "base", "*.yaml"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("Glob = %v, %v", paths, err)
	}
	found := make(map[string]map[string]any)
	for _, path := range paths {
		if filepath.Base(path) == "cosgate.yaml" {
			continue
		}
		d := yaml.NewDecoder(strings.NewReader(readDeploy(t, "kubernetes", "base", filepath.Base(path))))
		for {
			var doc map[string]any
			err := d.Decode(&doc)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			kind, _ := doc["kind"].(string)
			found[kind] = doc
		}
	}
	return found
}

// pod is what the test looks at of the Deployment.
type pod struct {
	TerminationGracePeriodSeconds int
	EnableServiceLinks            *bool
	SecurityContext               struct{ RunAsNonRoot bool }
	Containers                    []container
	Volumes                       []struct{ Name string }
}

type container struct {
	Args      []string
	Env       []struct{ Name, Value string }
	Resources struct{ Limits struct{ Memory string } }
	Ports     []struct {
		Name          string
		ContainerPort int
	}
	StartupProbe, LivenessProbe, ReadinessProbe probe
	VolumeMounts                                []struct{ Name, MountPath, SubPath string }
	SecurityContext                             struct{ ReadOnlyRootFilesystem bool }
}

type probe struct {
	HTTPGet struct{ Path, Port string }
}

func deployment(t *testing.T) (pod, container) {
	t.Helper()
	var d struct {
		Spec struct{ Template struct{ Spec pod } }
	}
	remarshal(t, documents(t)["Deployment"], &d)
	p := d.Spec.Template.Spec
	if len(p.Containers) != 1 {
		t.Fatalf("the pod has %d containers, want 1", len(p.Containers))
	}
	return p, p.Containers[0]
}

func remarshal(t *testing.T, from, to any) {
	t.Helper()
	data, err := json.Marshal(from)
	if err == nil {
		err = json.Unmarshal(data, to)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func loadDeploy(t *testing.T, path ...string) *config.Config {
	t.Helper()
	cfg, err := config.Load(filepath.Join(append([]string{deployFolder}, path...)...), config.Overrides{})
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func port(t *testing.T, addr string) int {
	t.Helper()
	_, p, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(p)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// mustParse checks that the binary has the command and the flags.
func mustParse(t *testing.T, args ...string) {
	t.Helper()
	var line commandLine
	parser, err := kong.New(&line, kong.Exit(func(int) {}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := parser.Parse(args); err != nil {
		t.Errorf("%q = %v", args, err)
	}
}

func mustLastLongEnough(t *testing.T, what string, limit time.Duration, cfg *config.Config) {
	t.Helper()
	if want := time.Duration(cfg.Lifecycle.DrainWait+cfg.Lifecycle.Grace) + untilKilled; limit != want {
		t.Errorf("%s is %v, want drain_wait + grace + %v = %v", what, limit, untilKilled, want)
	}
}

func TestDeploymentFitsTheBinary(t *testing.T) {
	t.Parallel()
	cfg := loadDeploy(t, "kubernetes", "base", "cosgate.yaml")
	p, c := deployment(t)
	mustParse(t, c.Args...)
	mustLastLongEnough(t, "terminationGracePeriodSeconds", time.Duration(p.TerminationGracePeriodSeconds)*time.Second, cfg)
	want := map[string]int{"grpc": port(t, cfg.Listen), "admin": port(t, cfg.Admin)}
	for _, have := range c.Ports {
		if want[have.Name] != have.ContainerPort {
			t.Errorf("port %s is %d, want %d as cosgate.yaml says", have.Name, have.ContainerPort, want[have.Name])
		}
		delete(want, have.Name)
	}
	if len(want) > 0 {
		t.Errorf("the container lacks the ports %v", want)
	}
	admin := adminHandler(func() error { return nil }, nil, nil, nil)
	for _, probe := range []probe{c.StartupProbe, c.LivenessProbe, c.ReadinessProbe} {
		w := httptest.NewRecorder()
		admin.ServeHTTP(w, httptest.NewRequestWithContext(context.Background(), http.MethodGet, "http://10.0.0.5"+probe.HTTPGet.Path, nil))
		if w.Code != http.StatusOK || probe.HTTPGet.Port != "admin" {
			t.Errorf("probe of %s at port %s = %d, want 200 at admin", probe.HTTPGet.Path, probe.HTTPGet.Port, w.Code)
		}
	}
	if !p.SecurityContext.RunAsNonRoot || !c.SecurityContext.ReadOnlyRootFilesystem {
		t.Error("the pod may be root or write to its file system")
	}
	if p.EnableServiceLinks == nil || *p.EnableServiceLinks {
		t.Error("enableServiceLinks would put variables that begin with COSGATE_ into the pod")
	}
	known := readExample(t)
	for _, e := range c.Env {
		if strings.HasPrefix(e.Name, "COSGATE_") && !strings.Contains(known, e.Name) {
			t.Errorf("the gateway knows no variable %s", e.Name)
		}
	}
}

// A memorySum is what docs/performance.md says that a gateway takes in addition to its budgets.
type memorySum struct{ process, read, upload, connection int64 }

var sumLine = regexp.MustCompile(`read_memory \+ upload_memory \+ receive_memory \+ (\d+) MiB \+ (\d+) KiB × reads \+ (\d+) KiB × uploads \+ (\d+) KiB × connections`)

func promisedSum(t *testing.T) memorySum {
	t.Helper()
	found := sumLine.FindStringSubmatch(readDeploy(t, "..", "docs", "performance.md"))
	if found == nil {
		t.Fatalf("docs/performance.md has no line like %s", sumLine)
	}
	var n [4]int64
	for i := range n {
		n[i], _ = strconv.ParseInt(found[i+1], 10, 32) // digits
	}
	return memorySum{n[0] << 20, n[1] << 10, n[2] << 10, n[3] << 10}
}

// What the configuration allows must fit into the pod, with every call an upload.
func TestDeploymentHasMemoryForItsLimits(t *testing.T) {
	t.Parallel()
	_, c := deployment(t)
	size := func(text string) int64 { // 2Gi, as Kubernetes has it, or 1800MiB, as Go does
		t.Helper()
		var s config.Size
		if err := s.UnmarshalText([]byte(strings.TrimSuffix(text, "B") + "B")); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return int64(s)
	}
	limit := size(c.Resources.Limits.Memory)
	var soft int64
	for _, e := range c.Env {
		if e.Name == "GOMEMLIMIT" {
			soft = size(e.Value)
		}
	}
	l, promised := loadDeploy(t, "kubernetes", "base", "cosgate.yaml").Limits, promisedSum(t)
	sum := int64(l.UploadMemory) + int64(l.ReadMemory) + int64(l.ReceiveMemory) + promised.process + l.Calls*promised.upload + l.Connections*promised.connection
	if l.Calls == 0 || sum > soft || soft >= limit {
		t.Errorf("%d calls may take %d MiB, GOMEMLIMIT is %d MiB and the pod has %d MiB; want each below the next", l.Calls, sum>>20, soft>>20, limit>>20)
	}
}

func readExample(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile("cosgate.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// Every file that the configuration names must be below something that is mounted, and
// mounted in a way that follows changes.
func TestDeploymentMountsTheFilesOfTheConfiguration(t *testing.T) {
	t.Parallel()
	cfg := loadDeploy(t, "kubernetes", "base", "cosgate.yaml")
	p, c := deployment(t)
	files := []string{cfg.TLS.Cert, cfg.TLS.Key, cfg.TLS.ClientCA, c.Args[len(c.Args)-1]}
	for _, profile := range cfg.Profiles {
		files = append(files, profile.Credentials.File)
	}
	volumes := make(map[string]bool)
	for _, v := range p.Volumes {
		volumes[v.Name] = true
	}
	for _, file := range files {
		mounted := false
		for _, m := range c.VolumeMounts {
			mounted = mounted || m.SubPath == "" && volumes[m.Name] && filepath.Dir(file) == m.MountPath
		}
		if !mounted {
			t.Errorf("%s is not in a mounted folder", file)
		}
	}
}

func TestKubernetesServiceIsHeadlessAndReferencesFit(t *testing.T) {
	t.Parallel()
	docs := documents(t)
	var service struct {
		Spec struct {
			ClusterIP string
			Ports     []struct {
				Port       int
				TargetPort string
			}
		}
	}
	remarshal(t, docs["Service"], &service)
	cfg := loadDeploy(t, "kubernetes", "base", "cosgate.yaml")
	if s := service.Spec; s.ClusterIP != "None" || len(s.Ports) != 1 || s.Ports[0].Port != port(t, cfg.Listen) || s.Ports[0].TargetPort != "grpc" {
		t.Errorf("Service = %+v, want a headless one for the port of gRPC", s)
	}
	var listed struct{ Resources []string }
	remarshal(t, docs["Kustomization"], &listed)
	for _, kind := range []string{"ServiceAccount", "Deployment", "Service", "PodDisruptionBudget", "HorizontalPodAutoscaler", "NetworkPolicy"} {
		if docs[kind] == nil || !strings.Contains(strings.Join(listed.Resources, " "), strings.ToLower(kind)+".yaml") {
			t.Errorf("there is no %s, or the kustomization does not list it", kind)
		}
	}
}

// at follows keys through mappings.
func at(doc any, keys ...string) any {
	for _, key := range keys {
		m, _ := doc.(map[string]any)
		doc = m[key]
	}
	return doc
}

func TestKubernetesSelectorsFindThePods(t *testing.T) {
	t.Parallel()
	docs := documents(t)
	want := at(docs["Deployment"], "spec", "template", "metadata", "labels")
	for name, got := range map[string]any{
		"Deployment":          at(docs["Deployment"], "spec", "selector", "matchLabels"),
		"Service":             at(docs["Service"], "spec", "selector"),
		"PodDisruptionBudget": at(docs["PodDisruptionBudget"], "spec", "selector", "matchLabels"),
		"NetworkPolicy":       at(docs["NetworkPolicy"], "spec", "podSelector", "matchLabels"),
	} {
		if diff := cmp.Diff(want, got); want == nil || diff != "" {
			t.Errorf("the selector of the %s (-labels of the pods +got):\n%s", name, diff)
		}
	}
	for _, l := range at(docs["Kustomization"], "labels").([]any) {
		if at(l, "includeSelectors") == true {
			t.Error("includeSelectors would change the selectors of callers in the NetworkPolicy")
		}
	}
}

func TestDockerfileFitsTheBinary(t *testing.T) {
	t.Parallel()
	dockerfile := readDeploy(t, "Dockerfile")
	cfg := loadDeploy(t, "kubernetes", "base", "cosgate.yaml")
	want := "EXPOSE " + strconv.Itoa(port(t, cfg.Listen)) + " " + strconv.Itoa(port(t, cfg.Admin)) + "\n"
	if !strings.Contains(dockerfile, want) {
		t.Errorf("the Dockerfile lacks %q", want)
	}
	if !regexp.MustCompile(`(?m)^FROM gcr\.io/distroless/static-[a-z0-9]+:nonroot$`).MatchString(dockerfile) || !strings.Contains(dockerfile, "USER 65532:65532\n") {
		t.Error("the image is not distroless/static for a user that is not root")
	}
	match := regexp.MustCompile(`(?m)^CMD (\[.*\])$`).FindStringSubmatch(dockerfile)
	if match == nil {
		t.Fatal("the Dockerfile has no CMD")
	}
	var args []string
	if err := json.Unmarshal([]byte(match[1]), &args); err != nil {
		t.Fatal(err)
	}
	mustParse(t, args...)
	gomod, err := os.ReadFile("../../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	version := regexp.MustCompile(`(?m)^go (\d+\.\d+)`).FindSubmatch(gomod)
	if version == nil || !bytes.Contains([]byte(dockerfile), append([]byte("golang:"), version[1]...)) {
		t.Errorf("the Dockerfile builds with another Go than go.mod names")
	}
}

func TestSystemdUnitFitsTheBinary(t *testing.T) {
	t.Parallel()
	cfg := loadDeploy(t, "systemd", "cosgate.yaml")
	unit := make(map[string][]string)
	for line := range strings.Lines(readDeploy(t, "systemd", "cosgate.service")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			unit[key] = append(unit[key], value)
		}
	}
	for _, key := range []string{"ExecStartPre", "ExecStart"} {
		if len(unit[key]) != 1 {
			t.Fatalf("%s = %q, want one", key, unit[key])
		}
		args := strings.Fields(unit[key][0])
		if args[0] != "/usr/bin/cosgate" {
			t.Errorf("%s runs %s", key, args[0])
		}
		mustParse(t, args[1:]...)
	}
	seconds, err := strconv.Atoi(unit["TimeoutStopSec"][0])
	if err != nil {
		t.Fatal(err)
	}
	mustLastLongEnough(t, "TimeoutStopSec", time.Duration(seconds)*time.Second, cfg)
	if got := unit["RestartPreventExitStatus"][0]; got != strconv.Itoa(exitUsage) {
		t.Errorf("RestartPreventExitStatus = %s, want %d", got, exitUsage)
	}
	if user := unit["User"]; len(user) != 1 || user[0] == "root" || unit["ProtectSystem"][0] != "strict" {
		t.Errorf("the unit runs as %q with ProtectSystem=%s", user, unit["ProtectSystem"])
	}
}
