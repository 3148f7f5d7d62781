package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
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
	certificates, err := cfg.BuildTLS(log)
	if err != nil {
		return usageErrorf("%s", err)
	}
	monitor, err := newMonitor(ctx, log)
	if err != nil {
		return usageErrorf("%s", err)
	}
	defer monitor.close()
	clients, err := cfg.BuildClients(log, monitor.observer())
	if err != nil {
		return usageErrorf("%s", err)
	}
	defer clients.Close()
	deps, reloads, closeAudit, err := accessControl(ctx, cfg, log, out)
	if err != nil {
		return usageErrorf("%s", err)
	}
	defer closeAudit()
	monitor.fill(&deps)
	o := gatewayOptions{
		listen:         address{"listen", cfg.Listen},
		admin:          address{"admin", cfg.Admin},
		adminHosts:     cfg.AdminHosts,
		connections:    int(cfg.Limits.Connections),
		grace:          time.Duration(cfg.Lifecycle.Grace),
		profiles:       clients.ByProfile,
		defaultProfile: cfg.DefaultProfile,
		deps:           deps,
		server:         service.Options{Reflection: cfg.Reflection, PresignMax: time.Duration(cfg.PresignMaxLifetime), CredentialsMax: time.Duration(cfg.CredentialsMaxLifetime)},
		metrics:        monitor.metrics.Handler(),
		certificates:   certificates,
		grpcui:         cfg.GRPCUI,
		log:            log,
		reloads:        append(reloads, newLiveConfig(cfg, c, level, log)),
	}
	cfg.Lifecycle.Apply(&o.server)
	cfg.Limits.Apply(&o.server)
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

// accessControl builds what decides who may do what, and the record of it.
func accessControl(ctx context.Context, cfg *config.Config, log *slog.Logger, out streams) (d service.Deps, reloads []reloader, closeAudit func(), err error) {
	authenticator, files, err := cfg.BuildAuthentication(ctx, log)
	if err != nil {
		return d, nil, nil, err
	}
	for _, f := range files {
		reloads = append(reloads, f)
	}
	authorizer, err := cfg.BuildAuthorization(log)
	if err != nil {
		return d, nil, nil, err
	}
	if authenticator != nil {
		d.Authenticator, d.Authorizer = authenticator, authorizer
		reloads = append(reloads, authorizer)
	}
	audit, file, err := cfg.Audit.Build(out.stderr)
	if err != nil {
		return d, nil, nil, err
	}
	d.Audit = audit
	d.CallerCredentials = cfg.CallerCredentials()
	d.CallbackHosts = cfg.CallbackHosts()
	return d, reloads, func() { _ = file.Close() }, nil // records are written unbuffered
}
