package service

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/cosgate/cosgate/cosbackend"
	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// credentialServer implements CredentialService; the contract is in
// credential_service.proto. Its responses hold secrets and must not be logged.
type credentialServer struct {
	cosgatev1.UnimplementedCredentialServiceServer
	profiles
	maxLifetime time.Duration
}

var _ cosgatev1.CredentialServiceServer = (*credentialServer)(nil)

func (s *credentialServer) IssueTemporaryCredentials(ctx context.Context, req *cosgatev1.IssueTemporaryCredentialsRequest) (*cosgatev1.IssueTemporaryCredentialsResponse, error) {
	client, err := s.client(req.GetProfile())
	if err != nil {
		return nil, err
	}
	options := cosbackend.TemporaryCredentialsOptions{Grants: sessionGrants(req.GetGrants()), Session: sessionName(ctx)}
	if options.Lifetime, err = lifetime(req.GetExpiresIn(), s.maxLifetime); err != nil {
		return nil, err
	}
	issued, err := client.IssueTemporaryCredentials(ctx, location(req), options)
	if err != nil {
		return nil, err
	}
	return &cosgatev1.IssueTemporaryCredentialsResponse{
		SecretId: issued.SecretID, SecretKey: issued.SecretKey, SessionToken: issued.Token,
		StartTime: timestamppb.New(issued.Start), ExpireTime: timestamppb.New(issued.Expires),
		Bucket: req.GetBucket(), Region: issued.Region, ScopeLimit: namesOneKey(req.GetGrants()),
	}, nil
}

// sessionName is who STS and the access log of the bucket are told that asked; empty
// without authentication.
func sessionName(ctx context.Context) string {
	if caller := callFrom(ctx).caller.Load(); caller != nil {
		return caller.Name
	}
	return ""
}

func namesOneKey(grants []*cosgatev1.CredentialGrant) bool {
	for _, g := range grants {
		if _, prefix := g.GetTarget().(*cosgatev1.CredentialGrant_KeyPrefix); !prefix {
			return true
		}
	}
	return false
}

func sessionGrants(grants []*cosgatev1.CredentialGrant) []cosbackend.SessionGrant {
	all := make([]cosbackend.SessionGrant, len(grants))
	for i, g := range grants {
		all[i].Key = g.GetKey()
		if t, ok := g.GetTarget().(*cosgatev1.CredentialGrant_KeyPrefix); ok {
			all[i].Key, all[i].Prefix = t.KeyPrefix, true
		}
		for _, a := range g.GetActions() {
			all[i].Actions = append(all[i].Actions, grantedActions(a)...)
		}
	}
	return all
}

// grantedActions are the names that CAM has for what an action allows. The contract says
// what a caller needs for it (value_action and value_also).
func grantedActions(a cosgatev1.CredentialAction) []string {
	switch a {
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_READ_OBJECT:
		return []string{"GetObject", "HeadObject"}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_HEAD_OBJECT:
		return []string{"HeadObject"}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_PUT_OBJECT:
		return []string{"PutObject", "PostObject"}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_UPLOAD_OBJECT:
		return []string{
			"PutObject", "InitiateMultipartUpload", "ListMultipartUploads", "ListParts", "UploadPart",
			"CompleteMultipartUpload", "AbortMultipartUpload",
		}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_LIST_OBJECTS:
		return []string{"GetBucket"}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_DELETE_OBJECT:
		return []string{"DeleteObject"}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_GET_OBJECT_TAGGING:
		return []string{"GetObjectTagging"}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_PUT_OBJECT_TAGGING:
		return []string{"PutObjectTagging"}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_DELETE_OBJECT_TAGGING:
		return []string{"DeleteObjectTagging"}
	case cosgatev1.CredentialAction_CREDENTIAL_ACTION_UNSPECIFIED:
	}
	return nil // refused by the rules of the contract
}
