package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"

	"github.com/cosgate/cosgate/cosbackend"
)

type serveCommand struct {
	Config string `required:"" placeholder:"FILE" help:"The YAML file with the profiles: how to reach COS and where the credentials are. Unknown keys are refused."`
}

// Help is printed below the flags.
func (serveCommand) Help() string {
	return `A smallest file, with the credentials in COS_SECRET_ID and COS_SECRET_KEY:

    profiles:
      main:
        region: ap-guangzhou
        credentials: {env: {}}

Every key is explained in cmd/cosgate/cosgate.example.yaml.

This version listens on loopback only: it has no TLS and knows no callers. SIGTERM and Ctrl-C let calls in flight finish for as long as the key "grace" says; a second one ends the process at once.`
}

// Run serves until ctx ends.
func (c serveCommand) Run(ctx context.Context, out streams) error {
	cfg, err := loadConfig(c.Config)
	if err != nil {
		return err
	}
	grace, err := cfg.grace()
	if err != nil {
		return err
	}
	presignMax, err := cfg.presignMax()
	if err != nil {
		return err
	}
	log, err := newLogger(out.stderr, cfg.Log)
	if err != nil {
		return err
	}
	clients, err := newClients(cfg, log)
	if err != nil {
		return usageErrorf("%s: %s", c.Config, err)
	}
	defer closeClients(clients)
	g, err := openGateway(ctx, gatewayOptions{
		listen:         cfg.rpcAddress(),
		admin:          cfg.adminAddress(),
		grace:          grace,
		presignMax:     presignMax,
		profiles:       clients,
		defaultProfile: cfg.DefaultProfile,
		log:            log,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out.stdout, "cosgate serve: on loopback only, because this version has no TLS and knows no callers\n\n")
	fmt.Fprintf(out.stdout, "  gRPC   %s\n  admin  http://%s\n\n%s\n", g.rpc.Addr(), g.admin.Addr(), readyLine)
	return g.run(ctx)
}

// newClients makes a client for each profile. Nothing is sent to COS yet. An
// error names the profile and never shows a secret.
func newClients(cfg config, log *slog.Logger) (map[string]*cosbackend.Client, error) {
	clients := make(map[string]*cosbackend.Client, len(cfg.Profiles))
	for name, p := range cfg.Profiles {
		client, err := newClient(name, p, log)
		if err != nil {
			closeClients(clients)
			return nil, fmt.Errorf("profiles.%s: %w", name, err)
		}
		clients[name] = client
	}
	return clients, nil
}

func newClient(name string, p profileConfig, log *slog.Logger) (*cosbackend.Client, error) {
	credentials, err := newCredentials(p.Credentials, log)
	if err != nil {
		return nil, err
	}
	proxy, err := parseProxy(p.Proxy)
	if err != nil {
		return nil, err
	}
	return cosbackend.New(cosbackend.Config{
		Profile:         name,
		Endpoint:        p.Endpoint,
		PublicEndpoint:  p.PublicEndpoint,
		ServiceEndpoint: p.ServiceEndpoint,
		Region:          p.Region,
		Credentials:     credentials,
		Transport:       cosbackend.TransportOptions{Proxy: proxy},
		Logger:          log,
	})
}

// parseProxy returns nil for no proxy. A user in the URL is refused: passwords
// do not stand in the configuration, and its text is not repeated.
func parseProxy(s string) (*url.URL, error) {
	if s == "" {
		return nil, nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "http" || u.Host == "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("proxy is not of the form http://host:port")
	}
	return u, nil
}

func newCredentials(c credentialsConfig, log *slog.Logger) (cosbackend.CredentialProvider, error) {
	if c.Env != nil {
		return cosbackend.EnvCredentials(c.Env.SecretID, c.Env.SecretKey, c.Env.SecurityToken)
	}
	return cosbackend.FileCredentials(c.File, log)
}

func closeClients(clients map[string]*cosbackend.Client) {
	for _, c := range clients {
		c.Close()
	}
}
