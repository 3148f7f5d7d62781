package config

import (
	"errors"
	"strconv"
	"strings"
	"time"
)

// A Duration is a time such as 30s or 5m. It is never negative.
type Duration time.Duration

// UnmarshalText implements [encoding.TextUnmarshaler].
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return errors.New("is not a duration; use one such as 500ms, 30s or 5m")
	}
	*d = Duration(v)
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (d Duration) MarshalText() ([]byte, error) {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return []byte(s), nil
}

// A Size is a number of bytes, such as 512MiB.
type Size int64

// A unit is a suffix of sizes.
type unit struct {
	suffix string
	shift  uint
}

// units lists the suffixes, the largest first.
func units() []unit { return []unit{{"GiB", 30}, {"MiB", 20}, {"KiB", 10}, {"B", 0}} }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Size) UnmarshalText(text []byte) error {
	number, shift := string(text), uint(0)
	for _, u := range units() {
		if rest, ok := strings.CutSuffix(number, u.suffix); ok {
			number, shift = strings.TrimSpace(rest), u.shift
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 32)
	if err != nil || n < 0 {
		return errors.New("is not a size; use a whole number with a unit, such as 512MiB or 2GiB")
	}
	*s = Size(n << shift)
	return nil
}

// MarshalText implements [encoding.TextMarshaler].
func (s Size) MarshalText() ([]byte, error) {
	for _, u := range units() {
		if s != 0 && s%(1<<u.shift) == 0 {
			return []byte(strconv.FormatInt(int64(s>>u.shift), 10) + u.suffix), nil
		}
	}
	return []byte("0"), nil
}
