/* Which files can be had, when too few shards are known of some objects. */
#include "node/renter/renter_restore_int.h"
#include "tests/check.h"

/* Objects 3, 5, 8 hold files, 1000 bytes each; 4 is a catalogue's. */
static struct restore_item items[] = {
	{.o = {.id = 3, .size = 1000}},
	{.o = {.id = 4, .size = 777, .catalogue = true}},
	{.o = {.id = 5, .size = 1000}},
	{.o = {.id = 8, .size = 1000}},
};

static struct restore restored = {.again = true, .items = items, .items_n = 4};

static void expect(const char *name, int64_t object, uint64_t off,
		   uint64_t size, bool want)
{
	const struct renter_file f = {.kind = RENTER_FILE,
				      .object = object,
				      .offset = off,
				      .size = size};

	CHECK(restore_has(&restored, &f) == want, "%s", name);
}

static void a_file_needs_all_objects_that_it_lies_in(void)
{
	items[2].lacking = true; /* object 5 */
	expect("an empty file needs none", 0, 0, 0, true);
	expect("within one that is there", 3, 0, 1000, true);
	expect("up to its end", 3, 999, 1, true);
	expect("a byte more lies in one that is not", 3, 999, 2, false);
	expect("within one that is not", 5, 10, 10, false);
	expect("behind it", 8, 0, 1000, true);
	expect("over all of them", 3, 0, 3000, false);
	expect("of an object that is not there", 6, 0, 1, false);
	items[2].lacking = false;
	expect("over all of them, catalogues left out", 3, 0, 3000, true);
	expect("but not beyond the last", 3, 0, 3001, false);
	items[1].lacking = true;
	expect("a catalogue that is lacking is none of theirs", 3, 0, 3000,
	       true);
	items[1].lacking = false;
}

/* The first time the catalogue's own object stands in front. */
static void the_catalogues_object_in_front_is_left_out(void)
{
	struct restore_item first[] = {
		{.o = {.id = 9, .size = 50, .catalogue = true}},
		{.o = {.id = 1, .size = 1000}},
		{.o = {.id = 2, .size = 1000}, .lacking = true},
	};

	restored = (struct restore){.items = first, .items_n = 3};
	expect("the one", 1, 0, 1000, true);
	expect("both", 1, 0, 1001, false);
	restored = (struct restore){.items = first, .items_n = 1};
	expect("nothing but a catalogue", 1, 0, 1, false);
}

int main(void)
{
	a_file_needs_all_objects_that_it_lies_in();
	the_catalogues_object_in_front_is_left_out();
	return CHECK_EXIT();
}
