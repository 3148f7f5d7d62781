package backendtest

import (
	"testing"

	"github.com/cosgate/cosgate/cosbackend"
)

func restoreChecks() []check {
	return []check{
		{"RestoreObject restores an archived object", "A054, A118", restoreArchived, []Ability{Archive}},
		{"RestoreObject of an object that is not archived is refused", "436/12633", restorePlain, nil},
	}
}

// Restoring takes hours in COS: a second call meets the first, or its end.
func restoreArchived(t *testing.T, s scope) {
	s.putAs(t, s.key("k"), []byte("text"), cosbackend.PutOptions{Attributes: cosbackend.Attributes{StorageClass: "ARCHIVE"}})
	if info := s.head(t, s.key("k")); info.Restore != nil {
		t.Errorf("HeadObject reports a restore that was not requested: %+v", info.Restore)
	}
	o := cosbackend.RestoreOptions{Days: 1, Tier: "Standard"}
	if restored, err := s.Client.RestoreObject(t.Context(), s.location(), s.key("k"), "", o); err != nil || restored {
		t.Fatalf("RestoreObject = %v, %v, want one that begins", restored, err)
	}
	r := s.head(t, s.key("k")).Restore
	if r == nil || r.Ongoing != r.Expires.IsZero() {
		t.Errorf("HeadObject says %+v of the restore", r)
	}
	if listed := s.list(t, cosbackend.ListOptions{Prefix: s.key("k")}).Objects[0].Restore; listed == nil || listed.Ongoing != r.Ongoing {
		t.Errorf("ListObjects says %+v of the restore, HeadObject %+v", listed, r)
	}
	restored, err := s.Client.RestoreObject(t.Context(), s.location(), s.key("k"), "", o)
	if err != nil {
		wantRefused(t, "RestoreObject again", err, 409, "RestoreAlreadyInProgress")
	} else if !restored {
		t.Error("RestoreObject again begins anew, want 200 or RestoreAlreadyInProgress")
	}
}

func restorePlain(t *testing.T, s scope) {
	s.put(t, s.key("k"), []byte("x"))
	_, err := s.Client.RestoreObject(t.Context(), s.location(), s.key("k"), "", cosbackend.RestoreOptions{Days: 1})
	wantRefused(t, "RestoreObject", err, 405, "RestoreNonArchiveObject")
}
