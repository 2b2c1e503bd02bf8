; RUN: honec -S --passes=empty_map --facts=%S/empty.json %s | FileCheck-19 %s
; RUN: honec --report --passes=empty_map --facts=%S/empty.json %s | FileCheck-19 --check-prefix=REPORT %s
; A lookup in a map without entries can only miss: the call and the hit branch are gone.

; CHECK-LABEL: define {{.*}}i32 @xdp_filter(
; CHECK-NOT:   inttoptr (i64 1 to ptr)
; CHECK-NOT:   ret i32 1
; CHECK:       ret i32 2
; REPORT:      "id":0,"map":"blocked","kind":"lookup","class":"config","action":"empty_map"
; REPORT-SAME: "kind":"no_keys","map":"blocked","site":0,"effect":"code","enforcement":"guarded"

@blocked = external global i8

define i32 @xdp_filter(ptr %ctx) {
  %key = alloca i32
  %at = getelementptr i8, ptr %ctx, i64 12
  %ifindex = load i32, ptr %at
  store i32 %ifindex, ptr %key
  %value = call ptr inttoptr (i64 1 to ptr)(ptr @blocked, ptr %key), !hone.site !0
  %miss = icmp eq ptr %value, null
  br i1 %miss, label %pass, label %drop
drop:
  ret i32 1
pass:
  ret i32 2
}
!0 = !{i32 0}
