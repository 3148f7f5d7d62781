package embedded

import (
	"errors"
	"net/http"

	"github.com/cosgate/cosgate/cosbackend/embedded/internal/store"
)

const (
	maxInventories  = 1000
	inventoriesPage = 100
	// inventoryJobs is the kind of the one-off jobs, which no GET returns.
	inventoryJobs = "inventory-job"
)

func inventories() identifiedConfiguration {
	return identifiedConfiguration{
		sub: "inventory", noun: "BucketInventory", absent: inventoryNotFound, shape: inventoryShape(true), check: checkInventory,
		max: maxInventories, full: inventoryFull,
	}
}

// inventoryShape is the shape of a recurring job, or of one that runs once.
func inventoryShape(repeats bool) shape {
	selection := []shape{text("Prefix").optional(), tagShape().zeroOrMore(), text("StorageClass").optional()}
	filter := branch("Filter", append(
		selection,
		branch("And", selection...).optional(),
		branch("Period", leaf("StartTime", between(0, 1<<62)).optional(), leaf("EndTime", between(0, 1<<62)).optional()).optional(),
	)...)
	parts := []shape{
		required("Id").once(), leaf("IncludedObjectVersions", oneOf("All", "Current")).once(), filter.optional(),
		branch("OptionalFields", required("Field").zeroOrMore()).optional(),
		branch("Destination", branch(
			"COSBucketDestination",
			required("Bucket").once(), text("AccountId").optional(), text("Prefix").optional(), leaf("Format", oneOf("CSV", "ORC", "Parquet")).once(),
			branch("Encryption", text("SSE-COS").optional()).optional(),
		).once()).once(),
	}
	if repeats {
		parts = append(parts, leaf("IsEnabled", boolean()).once(), branch(
			"Schedule", leaf("Frequency", oneOf("Daily", "Weekly", "Monthly")).once(), leaf("MonthlyDate", between(1, 31)).optional(),
		).once())
	}
	return branch("InventoryConfiguration", parts...)
}

func checkInventory(doc *node) error {
	if f := doc.child("Filter"); f != nil {
		return atMostOne(f, "And", "Prefix")
	}
	return nil
}

// postInventory accepts a job that runs once. Its id cannot be used for another one
// (E077); no job runs here.
func (s *Server) postInventory(x *exchange) error {
	d := inventories()
	d.shape = inventoryShape(false)
	id, doc, err := d.read(x)
	if err != nil {
		return err
	}
	err = s.putConfig(x, x.config(inventoryJobs, id), doc.canonical(), store.PutConfigOptions{New: true, Max: d.max})
	if errors.Is(err, store.ErrExists) {
		return fail(duplicateInventoryID, "")
	}
	if err != nil {
		return err
	}
	x.sendEmpty(http.StatusOK)
	return nil
}
