import { connection } from 'next/server'
import { Suspense } from 'react'

async function Ready() {
  await connection()
  return 'ready'
}

export default function Page() {
  return (
    <Suspense fallback="…">
      <Ready />
    </Suspense>
  )
}
