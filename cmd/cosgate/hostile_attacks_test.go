package main

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

type namedAttack struct {
	name string
	run  func(*attack)
}

// attacks are what can be done to a listener without knowing any secret. They are bounded in
// number, and some hold their connections until the bystanders are done.
func attacks() []namedAttack {
	return []namedAttack{
		{"half a preface", halfAPreface},
		{"headers a byte at a time", crumbsOfHeaders},
		{"100,000 pings", manyPings},
		{"settings without end", manySettings},
		{"giant headers", giantHeaders},
		{"giant metadata", giantMetadata},
		{"rapid reset", rapidReset},
		{"more streams than allowed", manyStreams},
		{"unfinished messages", unfinishedMessages},
		{"messages of crumbs", crumbsOfData},
		{"garbage", garbage},
		{"responses that nobody reads", neverRead},
	}
}

func halfAPreface(a *attack) {
	for range 200 {
		_, _ = io.WriteString(a.dial(), http2.ClientPreface[:10])
	}
}

func crumbsOfHeaders(a *attack) {
	for range 50 {
		c := a.open()
		block := c.headers("HeadObject")
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(block))<<8|uint32(http2.FrameHeaders))
		frame = append(frame, byte(http2.FlagHeadersEndHeaders), 0, 0, 0, 1)
		frame = append(frame, block...)
		for i := range len(frame) - 1 { // the last byte never comes
			_, _ = c.Write(frame[i : i+1])
		}
	}
}

// manyPings checks that the gateway sends GOAWAY and disconnects before all pings were
// written. It keeps reading for a second after the GOAWAY, for callers who react slowly.
func manyPings(a *attack) {
	for sent := 0; sent < 100_000; {
		c, gone := a.openReading()
		for ; sent < 100_000; sent++ {
			if c.WritePing(false, [8]byte{}) != nil {
				break
			}
		}
		err := <-gone
		if away, _ := errors.AsType[http2.ConnectionError](err); http2.ErrCode(away) != http2.ErrCodeEnhanceYourCalm || timedOut(err) {
			a.t.Errorf("the connection went away with %v, want ENHANCE_YOUR_CALM", err)
			return
		}
	}
}

func timedOut(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

// manySettings asks for an acknowledgement of each frame, and reads none.
func manySettings(a *attack) {
	c := a.open()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second)) // the gateway stops reading
	for range 200_000 {
		if c.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1 << 16}) != nil {
			return
		}
	}
}

// giantHeaders has one call with 64 MiB of headers on each connection.
func giantHeaders(a *attack) {
	for range 5 {
		c, _ := a.openReading()
		block := c.headers("HeadObject", hpack.HeaderField{Name: "x", Value: strings.Repeat("\x00", 8<<20)})
		err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: 1, BlockFragment: block[:16<<10]})
		for i := 0; i < 4096 && err == nil; i++ {
			at := (1 + i) << 14 % (4 << 20)
			err = c.WriteContinuation(1, false, block[at:at+16<<10])
		}
		if err == nil {
			a.t.Error("the gateway took 64 MiB of headers")
		}
	}
}

// giantMetadata has headers of 1 MiB in each of 100 calls that are then held open.
func giantMetadata(a *attack) {
	for range 5 {
		c, _ := a.openReading()
		for n := range 20 {
			block := c.headers("PutObject", hpack.HeaderField{Name: "x", Value: strings.Repeat("x", 1<<20), Sensitive: true})
			err := c.WriteHeaders(http2.HeadersFrameParam{StreamID: uint32(2*n + 1), BlockFragment: block[:16<<10]})
			for rest := block[16<<10:]; len(rest) > 0 && err == nil; {
				k := min(len(rest), 16<<10)
				err = c.WriteContinuation(uint32(2*n+1), k == len(rest), rest[:k])
				rest = rest[k:]
			}
		}
	}
}

// rapidReset is CVE-2023-44487.
func rapidReset(a *attack) {
	for range 4 {
		c, _ := a.openReading()
		for n := range 2_500 {
			stream, err := c.begin(n, "GetObject")
			if err == nil {
				err = c.WriteRSTStream(stream, http2.ErrCodeCancel)
			}
			if err != nil {
				break
			}
		}
	}
}

func manyStreams(a *attack) {
	for range 4 {
		c, _ := a.openReading()
		for n := range 3_000 {
			if _, err := c.begin(n, "PutObject"); err != nil {
				break
			}
		}
	}
}

// unfinishedMessages announce 2 MiB each.
func unfinishedMessages(a *attack) {
	c, _ := a.openReading()
	message := append([]byte{0, 0, 0x20, 0, 0}, make([]byte, 1<<10)...)
	for n := range 500 {
		stream, err := c.begin(n, "PutObject")
		if err == nil {
			err = c.WriteData(stream, false, message)
		}
		if err != nil {
			a.t.Errorf("stream %d = %v", n, err)
			return
		}
	}
}

// crumbsOfData is a message in frames of one byte.
func crumbsOfData(a *attack) {
	c, _ := a.openReading()
	stream, err := c.begin(0, "PutObject")
	if err == nil {
		err = c.WriteData(stream, false, []byte{0, 0, 0x20, 0, 0})
	}
	for i := 0; i < 50_000 && err == nil; i++ {
		err = c.WriteData(stream, false, []byte{0})
	}
	if err != nil {
		a.t.Error(err)
	}
}

func garbage(a *attack) {
	random := rand.NewChaCha8([32]byte{6})
	p := make([]byte, 4<<10)
	for i := range 200 {
		_, _ = random.Read(p)
		c := a.dial()
		if i%2 == 0 {
			_, _ = io.WriteString(c, http2.ClientPreface)
		}
		_, _ = c.Write(p) // refused at once or later
	}
}

// neverRead asks for 4 MiB in each of 500 calls and reads nothing of it, although its
// windows are wide open.
func neverRead(a *attack) {
	request, err := proto.Marshal(&cosgatev1.GetObjectRequest{Bucket: demoBucket, Key: "large"})
	if err != nil {
		a.t.Error(err)
		return
	}
	message := append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(request))), request...)
	for range 5 {
		c := a.open(http2.Setting{ID: http2.SettingInitialWindowSize, Val: 1<<31 - 1})
		_ = c.WriteWindowUpdate(0, 1<<31-1-65535)
		for n := range 100 {
			stream, err := c.begin(n, "GetObject")
			if err == nil {
				err = c.WriteData(stream, true, message)
			}
			if err != nil {
				a.t.Errorf("call %d = %v", n, err)
				return
			}
		}
	}
}

func attacksOnTLS() []namedAttack {
	return []namedAttack{
		{"plain text", func(a *attack) {
			for range 50 {
				c, gone := a.openReading()
				_, _ = c.begin(0, "HeadObject")
				if err := <-gone; timedOut(err) {
					a.t.Error("the gateway kept a connection without TLS")
				}
			}
		}},
		{"older TLS", func(a *attack) {
			for _, version := range []uint16{tls.VersionTLS10, tls.VersionTLS11, tls.VersionTLS12} {
				for range 20 {
					mustFailHandshake(a, &tls.Config{MinVersion: version, MaxVersion: version, NextProtos: []string{"h2"}})
				}
			}
		}},
		{"another protocol", func(a *attack) {
			for range 20 {
				mustFailHandshake(a, &tls.Config{NextProtos: []string{"http/1.1"}})
			}
		}},
		{"half a handshake", func(a *attack) {
			for range 200 {
				_, _ = a.dial().Write([]byte{22, 3, 1, 2, 0, 1, 0})
			}
		}},
		{"garbage", garbage},
	}
}

// mustFailHandshake also reads, since a server may reject the last flight of the client
// afterwards.
func mustFailHandshake(a *attack, config *tls.Config) {
	config.InsecureSkipVerify = true // the attacker does not care
	c := tls.Client(a.dial(), config)
	err := c.Handshake()
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	if err == nil || timedOut(err) {
		a.t.Errorf("a connection with versions %x to %x and protocols %q = %v, want it refused", config.MinVersion, config.MaxVersion, config.NextProtos, err)
	}
}
