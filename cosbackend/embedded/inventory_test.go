package embedded_test

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"
)

type inventoryPage struct {
	XMLName               xml.Name `xml:"ListInventoryConfigurationResult"`
	IsTruncated           bool
	ContinuationToken     string
	NextContinuationToken string
	IDs                   []string `xml:"InventoryConfiguration>Id"`
}

func TestGetBucketInventoryListsPages(t *testing.T) {
	t.Parallel()
	c := open(t)
	list := func(token string) (p inventoryPage) {
		query := "inventory"
		if token != "" {
			query += "&continuation-token=" + url.QueryEscape(token)
		}
		a := c.do(t, call{method: "GET", query: query}).want(t, 200, "")
		if err := xml.Unmarshal(a.body, &p); err != nil {
			t.Fatalf("list = %q: %v", a.body, err)
		}
		return p
	}
	if p := list(""); len(p.IDs) != 0 || p.IsTruncated {
		t.Errorf("an empty list = %+v", p)
	}
	var want []string
	for i := range 201 {
		id := fmt.Sprintf("i%03d", i)
		want = append(want, id)
		c.configure(t, "inventory&id="+id, inventory(id)).want(t, 200, "")
	}
	var got []string
	for token, pages := "", 1; ; pages++ {
		p := list(token)
		got = append(got, p.IDs...)
		if p.ContinuationToken != token || len(p.IDs) > 100 {
			t.Errorf("page %d has %d entries and the token %q, want at most 100 and %q", pages, len(p.IDs), p.ContinuationToken, token)
		}
		if !p.IsTruncated {
			if pages != 3 {
				t.Errorf("%d pages, want 3", pages)
			}
			break
		}
		token = p.NextContinuationToken
	}
	if !slices.Equal(got, want) {
		t.Errorf("listed %v, want %v", got, want)
	}
	c.do(t, call{method: "GET", query: "inventory&continuation-token=%21"}).want(t, 400, "InvalidArgument")
}

func TestPutBucketInventoryRefusesMoreThan1000(t *testing.T) {
	t.Parallel()
	c := open(t)
	for i := range 1000 {
		id := fmt.Sprint(i)
		c.configure(t, "inventory&id="+id, inventory(id)).want(t, 200, "")
	}
	c.configure(t, "inventory&id=more", inventory("more")).want(t, 400, "InventoryFull")
	c.configure(t, "inventory&id=7", inventory("7")).want(t, 200, "")
	c.do(t, call{method: "DELETE", query: "inventory&id=7"}).want(t, 204, "")
	c.configure(t, "inventory&id=more", inventory("more")).want(t, 200, "")
}

// TestPostBucketInventoryRefusesARepeatedID holds E077.
func TestPostBucketInventoryRefusesARepeatedID(t *testing.T) {
	t.Parallel()
	c := open(t)
	repeats := inventory("once")
	job := strings.NewReplacer("<IsEnabled>true</IsEnabled>", "", "<Schedule><Frequency>Weekly</Frequency></Schedule>", "").Replace(repeats)
	post := func(text string) response {
		return c.do(t, call{method: "POST", query: "inventory&id=once", body: []byte(text)})
	}
	post(repeats).want(t, 400, "MalformedXML")
	post(job).want(t, 200, "")
	post(job).want(t, 409, "DuplicateInventoryId")
	c.do(t, call{method: "GET", query: "inventory&id=once"}).want(t, 404, "InventoryConfigurationNotFoundError")
	c.configure(t, "inventory&id=once", repeats).want(t, 200, "")
}

func TestGetBucketIntelligentTieringListsAll(t *testing.T) {
	t.Parallel()
	c := open(t)
	all := documents()
	text := all[slices.IndexFunc(all, func(d document) bool { return strings.HasPrefix(d.sub, "intelligent-tiering&") })].text
	for _, id := range []string{"b", "a"} {
		c.configure(t, "intelligent-tiering&id="+id, strings.ReplaceAll(text, "t.1", id)).want(t, 200, "")
	}
	got := c.do(t, call{method: "GET", query: "intelligent-tiering"}).want(t, 200, "")
	var r struct {
		XMLName xml.Name `xml:"ListBucketIntelligentTieringConfigurationsOutput"`
		IDs     []string `xml:"IntelligentTieringConfiguration>Id"`
	}
	if err := xml.Unmarshal(got.body, &r); err != nil || !slices.Equal(r.IDs, []string{"a", "b"}) {
		t.Errorf("list = %q, %v", got.body, err)
	}
}
