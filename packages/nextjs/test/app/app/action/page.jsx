import { updateTag } from 'next/cache'

async function update() {
  'use server'
  updateTag('items')
}

export default function Page() {
  return (
    <form action={update}>
      <button>Update</button>
    </form>
  )
}
