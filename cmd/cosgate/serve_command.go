package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/cosgate/cosgate/internal/config"
	"github.com/cosgate/cosgate/service"
)

type serveCommand struct {
	Config           string `required:"" placeholder:"FILE" env:"COSGATE_CONFIG" help:"The YAML file with the configuration. Unknown keys are refused."`
	config.Overrides `group:"In place of keys in the file:"`
}

// Help is printed below the flags.
func (serveCommand) Help() string {
	return `The smallest configuration, with the credentials in COS_SECRET_ID and COS_SECRET_KEY:

    profiles:
      main:
        region: ap-guangzhou
        credentials: {env: {}}

docs/configuration.md lists every key. cosgate config check finds every mistake in a file.

SIGTERM and Ctrl-C turn health and readiness off. New calls are still accepted for the time drain_wait; then calls in flight have the time grace to finish; what is left ends with UNAVAILABLE. A second signal ends the process at once. SIGHUP reads again, as a change of the files does: ` + reloadedFiles + `.`
}

// Run serves until ctx ends.
func (c serveCommand) Run(ctx context.Context, out streams) error {
	cfg, err := config.Load(c.Config, c.Overrides)
	if err != nil {
		return usageErrorf("%s", err)
	}
	log, level := cfg.Log.Build(out.stderr)
	cfg.WarnOfFileModes(log)
	monitor, err := newMonitor(ctx, log)
	if err != nil {
		return usageErrorf("%s", err)
	}
	defer monitor.close()
	parts, err := cfg.Build(ctx, config.Builder{Log: log, Stderr: out.stderr, Observer: monitor.observer()})
	if err != nil {
		return usageErrorf("%s", err)
	}
	defer parts.Close()
	deps := service.Deps{Audit: parts.Audit, CallerCredentials: cfg.CallerCredentials(), CallbackHosts: cfg.CallbackHosts()}
	if parts.Authenticator != nil {
		deps.Authenticator, deps.Authorizer = parts.Authenticator, parts.Authorizer
	}
	monitor.fill(&deps)
	reloads := []reloader{newLiveConfig(cfg, c, level, log)}
	for _, r := range parts.Reloads {
		reloads = append(reloads, r)
	}
	o := gatewayOptions{
		listen:         address{"listen", cfg.Listen},
		admin:          address{"admin", cfg.Admin},
		adminHosts:     cfg.AdminHosts,
		connections:    int(cfg.Limits.Connections),
		grace:          time.Duration(cfg.Lifecycle.Grace),
		profiles:       parts.Clients.ByProfile,
		defaultProfile: cfg.DefaultProfile,
		deps:           deps,
		server:         cfg.ServerOptions(),
		metrics:        monitor.metrics.Handler(),
		certificates:   parts.Certificates,
		grpcui:         cfg.GRPCUI,
		log:            log,
		reloads:        reloads,
	}
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP)
	defer signal.Stop(hangup)
	o.hangup = hangup
	g, err := openGateway(ctx, o)
	if err != nil {
		return err
	}
	if cfg.Insecure && !config.Loopback(g.rpc.Addr().String()) {
		log.Warn("others can reach this gateway, and its traffic is not encrypted", "addr", g.rpc.Addr().String())
	}
	for _, name := range cfg.InsecureProfiles() {
		log.Warn("COS is reached in plain text: others can read and change what passes, and use its signatures", "profile", name)
	}
	announceServe(out.stdout, cfg, g)
	return g.run(ctx)
}

func announceServe(w io.Writer, cfg *config.Config, g *gateway) {
	fmt.Fprintf(w, "cosgate serve\n\n  gRPC   %s  (%s)\n  admin  http://%s\n", g.rpc.Addr(), security(cfg), g.ops.Addr())
	if cfg.GRPCUI {
		fmt.Fprintf(w, "  page   http://%s%s\n", g.ops.Addr(), grpcuiPath)
	}
	fmt.Fprintf(w, "\n%s\n", readyLine)
}

// security says in a few words what protects the listener.
func security(cfg *config.Config) string {
	if cfg.TLS.Cert == "" {
		return "plain text"
	}
	return "TLS " + cfg.TLS.MinVersion + " or newer, client certificates: " + cfg.TLS.ClientAuth
}
