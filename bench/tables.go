package main

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// textTables writes tables for a terminal.
func textTables(w io.Writer, tables []table) error {
	for _, t := range tables {
		if _, err := fmt.Fprintf(w, "%s\n\n", t.title); err != nil {
			return err
		}
		widths := t.widths()
		for _, row := range append([][]string{t.head}, t.rows...) {
			if _, err := fmt.Fprintln(w, strings.TrimRight("  "+pad(row, widths, "  "), " ")); err != nil {
				return err
			}
		}
		if _, err := fmt.Fprintln(w); err != nil {
			return err
		}
	}
	return nil
}

// markdownTables writes tables for a page of the documentation.
func markdownTables(w io.Writer, tables []table) error {
	for _, t := range tables {
		rule := make([]string, len(t.head))
		for i := range rule {
			rule[i] = "---"
		}
		var b strings.Builder
		fmt.Fprintf(&b, "### %s\n\n", t.title)
		for _, row := range append([][]string{t.head, rule}, t.rows...) {
			fmt.Fprintf(&b, "| %s |\n", strings.Join(row, " | "))
		}
		if _, err := fmt.Fprintln(w, b.String()); err != nil {
			return err
		}
	}
	return nil
}

func (t table) widths() []int {
	widths := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	return widths
}

func pad(row []string, widths []int, between string) string {
	cells := make([]string, len(row))
	for i, cell := range row {
		cells[i] = cell + strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
	}
	return strings.Join(cells, between)
}
