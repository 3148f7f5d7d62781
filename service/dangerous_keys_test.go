package service

import (
	"context"
	"slices"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	cosgatev1 "github.com/cosgate/cosgate/gen/cosgate/v1"
)

// dangerousKeys simplify to the path of the bucket, or may.
func dangerousKeys() []string {
	return []string{"/", "//", "///////", ".", "./", "/.", "/./", "..", "../", "/..", "a/..", "a/../", "a//..//", "a/b/../..", "a/b/..", `\`, `\\`, `.\`, `a\..`, `/\./`}
}

// keysLikeThem look like dangerous ones and are ordinary.
func keysLikeThem() []string {
	return []string{"/a", "//a", `\a`, "./a", "../a", "a/", "a//", "a/.", "a/./", "...", "a..", "..a", "a/...", "/..../", "a/../b", "%2F", "%2E%2E", "/%2F", "／"}
}

// A keyField is a field of a request that names an object by its key, where it stands in
// the request, and how a violation names it.
type keyField struct {
	path []protoreflect.FieldDescriptor
	name string
}

// keyFields finds every one, through messages and the first item of lists.
func keyFields(d protoreflect.MessageDescriptor, depth int) []keyField {
	var found []keyField
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		role, _ := proto.GetExtension(f.Options(), cosgatev1.E_Role).(cosgatev1.Role)
		name := string(f.Name())
		if f.IsList() {
			name += "[0]"
		}
		switch {
		case f.Kind() == protoreflect.StringKind && (role == cosgatev1.Role_ROLE_KEY || role == cosgatev1.Role_ROLE_OTHER_KEY):
			found = append(found, keyField{[]protoreflect.FieldDescriptor{f}, name})
		case f.Message() != nil && !f.IsMap() && depth < 4:
			for _, inner := range keyFields(f.Message(), depth+1) {
				found = append(found, keyField{append([]protoreflect.FieldDescriptor{f}, inner.path...), name + "." + inner.name})
			}
		}
	}
	return found
}

// set returns a request with nothing but this key.
func (k keyField) set(d protoreflect.MessageDescriptor, key string) proto.Message {
	m := dynamicpb.NewMessage(d)
	at := protoreflect.Message(m)
	for _, f := range k.path[:len(k.path)-1] {
		if f.IsList() {
			at = at.Mutable(f).List().AppendMutable().Message()
		} else {
			at = at.Mutable(f).Message()
		}
	}
	at.Set(k.path[len(k.path)-1], protoreflect.ValueOfString(key))
	return m
}

// callWith makes one call of any method with one request.
func (g *gateway) callWith(ctx context.Context, method protoreflect.MethodDescriptor, req proto.Message) error {
	name := "/" + string(method.Parent().FullName()) + "/" + string(method.Name())
	stream, err := g.conn.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true, ServerStreams: true}, name)
	if err != nil {
		return err
	}
	if err := stream.SendMsg(req); err == nil {
		_ = stream.CloseSend()
	}
	return stream.RecvMsg(dynamicpb.NewMessage(method.Output()))
}

// No request can leave whose path may be that of the bucket: each field with a key refuses
// such keys and says why, apart from DeleteObjects, which sends keys in a document.
func TestEveryKeyOfARequestRefusesWhatSimplifiesToTheBucket(t *testing.T) {
	t.Parallel()
	g := open(t)
	count := 0
	for _, file := range everyFile() {
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				method := methods.Get(j)
				for _, field := range keyFields(method.Input(), 0) {
					if method.Name() == "DeleteObjects" {
						continue
					}
					count++
					for _, key := range dangerousKeys() {
						if !refuses(g.callWith(t.Context(), method, field.set(method.Input(), key)), field.name) {
							t.Errorf("%s accepts %q as %s", method.Name(), key, field.name)
						}
					}
					for _, key := range keysLikeThem() {
						if refuses(g.callWith(t.Context(), method, field.set(method.Input(), key)), field.name) {
							t.Errorf("%s refuses %q as %s", method.Name(), key, field.name)
						}
					}
				}
			}
		}
	}
	if count < 30 {
		t.Errorf("%d fields with keys were found, want 30 or more", count)
	}
	if ops := g.requests(); len(ops) != 0 {
		t.Errorf("COS was asked %v, want nothing: every request lacks its bucket", ops)
	}
}

// refuses reports whether err is INVALID_ARGUMENT for this field.
func refuses(err error, field string) bool {
	bad, _ := detail[*errdetails.BadRequest](err)
	return status.Code(err) == codes.InvalidArgument && slices.ContainsFunc(bad.GetFieldViolations(), func(v *errdetails.BadRequest_FieldViolation) bool {
		return v.GetField() == field
	})
}

// What is there under such a key can be deleted: the document names it.
func TestDeleteObjectsTakesKeysThatSimplifyToTheBucket(t *testing.T) {
	t.Parallel()
	g := open(t)
	resp, err := g.objects.DeleteObjects(t.Context(), &cosgatev1.DeleteObjectsRequest{Bucket: testBucket, Objects: deletions(dangerousKeys()...)})
	if err != nil || len(resp.GetDeleted()) != len(dangerousKeys()) {
		t.Errorf("DeleteObjects = %v, %v, want every key deleted", resp, err)
	}
}

// Keys at the edge are stored, read, listed and deleted as they are.
func TestKeysThatLookLikeTheBucketNameObjects(t *testing.T) {
	t.Parallel()
	g := open(t)
	ctx := t.Context()
	for _, key := range keysLikeThem() {
		g.put(t, key, []byte(key))
	}
	for _, key := range keysLikeThem() {
		if data, _, err := g.get(ctx, &cosgatev1.GetObjectRequest{Bucket: testBucket, Key: key}); err != nil || string(data) != key {
			t.Errorf("GetObject(%q) = %q, %v", key, data, err)
		}
	}
	page, err := g.objects.ListObjects(ctx, &cosgatev1.ListObjectsRequest{Bucket: testBucket})
	if err != nil || len(page.GetObjects()) != len(keysLikeThem()) {
		t.Errorf("ListObjects = %d objects, %v, want %d", len(page.GetObjects()), err, len(keysLikeThem()))
	}
	for _, key := range keysLikeThem() {
		must(t, second(g.objects.DeleteObject(ctx, &cosgatev1.DeleteObjectRequest{Bucket: testBucket, Key: key})))
		g.mustMissing(t, key)
	}
	must(t, second(g.buckets.HeadBucket(ctx, &cosgatev1.HeadBucketRequest{Bucket: testBucket})))
}
